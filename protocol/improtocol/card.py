"""Cards, for orders, products and anything else that has a title and buttons."""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from improtocol import limits
from improtocol.checks import check_text
from improtocol.fields import pad_fields, trim_fields
from improtocol.values import Value

CARD_KINDS: Final = ("generic", "order", "product")


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button of a card: its label, and the action (a link, or a string the app understands)."""

    label: str
    action: str

    def __post_init__(self) -> None:
        check_text("button label", self.label, limits.NAME_BYTES_MAX)
        check_text("button action", self.action, limits.URL_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card for an order, a product or anything else.

    `kind` is "order", "product" or "generic"; `ref` the shop's own id of the order or product; `price` as it
    is to be shown; `picture` a link or empty; `link` where a tap leads.
    """

    TYPE: ClassVar[int] = 8
    title: str
    text: str = ""
    picture: str = ""
    price: str = ""
    link: str = ""
    buttons: tuple[Button, ...] = ()
    kind: str = "generic"
    ref: str = ""

    def __post_init__(self) -> None:
        check_text("card title", self.title, limits.LABEL_BYTES_MAX)
        check_text("card text", self.text, limits.TEXT_BYTES_MAX, empty=True)
        check_text("card picture", self.picture, limits.URL_BYTES_MAX, empty=True)
        check_text("card price", self.price, limits.NAME_BYTES_MAX, empty=True)
        check_text("card link", self.link, limits.URL_BYTES_MAX, empty=True)
        if len(self.buttons) > limits.CARD_BUTTONS_MAX:
            raise ValueError(f"a card has at most {limits.CARD_BUTTONS_MAX} buttons, not {len(self.buttons)}")
        if any(type(button) is not Button for button in self.buttons):
            raise ValueError("card buttons must be Buttons")
        if self.kind not in CARD_KINDS:
            raise ValueError(f"card kind must be one of {', '.join(CARD_KINDS)}")
        check_text("card ref", self.ref, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        buttons: list[Value] = [[button.label, button.action] for button in self.buttons]
        fields: list[Value] = [
            self.title,
            self.text,
            self.picture,
            self.price,
            self.link,
            buttons,
            self.kind,
            self.ref,
        ]
        return trim_fields(fields, ["", "", "", "", [], "generic", ""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        title, text, picture, price, link, buttons, kind, ref = pad_fields(
            fields, 1, ["", "", "", "", [], "generic", ""]
        )
        if not isinstance(buttons, list) or not all(isinstance(b, list) and len(b) >= 2 for b in buttons):
            raise ValueError("card buttons must be a list of [label, action]")
        return cls(
            title=title,  # type: ignore[arg-type]
            text=text,  # type: ignore[arg-type]
            picture=picture,  # type: ignore[arg-type]
            price=price,  # type: ignore[arg-type]
            link=link,  # type: ignore[arg-type]
            buttons=tuple(Button(label=b[0], action=b[1]) for b in buttons),  # type: ignore[arg-type, index]
            kind=kind,  # type: ignore[arg-type]
            ref=ref,  # type: ignore[arg-type]
        )
