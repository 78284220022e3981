"""What is said: a customer and a shop agent about an order and a pair of shoes, in Chinese and English."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from imserver.demo.contents import Spec, key_of_spec

__all__ = ["AGENT", "CUSTOMER", "PEOPLE", "Dialogue", "Turn"]

CUSTOMER: Final = "lin"
AGENT: Final = "mia"
PEOPLE: Final = (CUSTOMER, AGENT)

_COLOURS: Final = (("blue", "蓝色"), ("red", "红色"), ("black", "黑色"), ("white", "白色"))


@dataclass(frozen=True, slots=True)
class Turn:
    """Something one of them does: `act` is "send", "edit", "recall", "react" or "read".

    `key` recognises the message that is sent or acted on; `spec` is its content, for an edit the new one;
    `reply_to` is the key of the message that is answered.
    """

    speaker: str
    act: str
    key: str = ""
    spec: Spec = field(default_factory=dict)
    reply_to: str = ""
    mentions: bool = False
    emoji: str = ""

    def to_json(self) -> Spec:
        """The order that an app gets."""
        return {
            "do": self.act,
            "key": self.key,
            "spec": self.spec,
            "reply_to": self.reply_to,
            "mentions": self.mentions,
            "emoji": self.emoji,
        }


class Dialogue:
    """An endless conversation: `turns` are the story, told round after round, no two messages alike.

    `bursts` gives what somebody types in one go: the material of the incidents.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._count = 0
        self._round = 0

    def turns(self) -> Iterator[Turn]:
        """The story, without end."""
        while True:
            self._round += 1
            yield from self._greeting()
            yield from self._choosing()
            yield from self._shipping()

    def burst(self, speaker: str, count: int, topic: str) -> Iterator[Turn]:
        """`count` messages in a row, a picture among them when there are four or more."""
        words = _BURSTS[speaker]
        for number in range(count):
            if number == 3:
                yield self._image(speaker, f"{topic}.jpg")
            else:
                yield self._text(speaker, f"{words[number % len(words)]}")

    def _greeting(self) -> Iterator[Turn]:
        order = f"SO-{self._rng.randint(20260101, 20261231)}-{self._rng.randint(1000, 9999)}"
        hello = self._text(CUSTOMER, "您好，请问我的订单什么时候发货？")
        yield self._send(AGENT, {"kind": "notice", "text": f"客服 Mia 为您服务 · agent joined{self._lap}"})
        yield hello
        yield self._text(AGENT, "您好！我马上帮您查询。", reply_to=hello.key)
        yield Turn(AGENT, "react", hello.key, emoji="👌")
        yield self._send(
            CUSTOMER,
            {
                "kind": "order",
                "title": f"订单 {order}",
                "text": "越野跑鞋 42 码 ×1，平鞋带 ×2",
                "price": "¥478.80",
                "ref": order,
                "buttons": [["查看订单", f"order:{order}"], ["申请退款", f"refund:{order}"]],
            },
        )
        yield Turn(AGENT, "read")
        yield self._text(AGENT, "Thanks, I have it. It leaves our warehouse today.")
        yield self._send(CUSTOMER, {"kind": "emoji", "text": f"👍🎉{self._lap}"})
        typo = self._text(CUSTOMER, "可以改成43马吗？")
        yield typo
        yield Turn(
            CUSTOMER, "edit", typo.key, {"kind": "text", "text": f"可以改成 43 码吗？（改：尺码）{self._lap}"}
        )
        yield Turn(CUSTOMER, "read")

    def _choosing(self) -> Iterator[Turn]:
        english, chinese = self._rng.choice(_COLOURS)
        picture = self._image(CUSTOMER, "shoes.jpg")
        yield picture
        yield self._text(CUSTOMER, "就是这一双，左脚有点紧。")
        yield self._text(AGENT, f"@lin {chinese} 43 码有货。", reply_to=picture.key, mentions=True)
        yield self._send(
            AGENT,
            {
                "kind": "product",
                "title": f"Trail runner, {english}, size 43",
                "text": f"越野跑鞋 {chinese}，现货",
                "price": "¥459.00",
                "ref": f"TR-{english}-43-{self._number()}",
                "buttons": [["换这双", "swap"], ["Details", "open"]],
            },
        )
        yield self._clip("voice", CUSTOMER, asset="voice-customer.wav", duration_ms=4659)
        yield self._clip("voice", AGENT, asset="voice-agent.wav", duration_ms=2360)
        yield self._send(AGENT, {"kind": "sticker", "pack": "shop-basics", "name": f"ok-{self._number()}"})
        yield self._clip("video", CUSTOMER)
        wrong = self._text(AGENT, "Your card ends in 0000, right?")
        yield wrong
        yield Turn(AGENT, "recall", wrong.key)
        yield self._text(AGENT, "Sorry, wrong window. 抱歉，发错了。")
        yield Turn(CUSTOMER, "react", picture.key, emoji="💙")
        yield Turn(CUSTOMER, "read")

    def _shipping(self) -> Iterator[Turn]:
        yield self._send(
            CUSTOMER,
            {
                "kind": "location",
                "latitude": round(31.2304 + self._rng.uniform(-0.02, 0.02), 6),
                "longitude": round(121.4737 + self._rng.uniform(-0.02, 0.02), 6),
                "name": f"人民广场 2 号口{self._lap}",
                "address": "上海市黄浦区人民大道",
            },
        )
        yield self._text(CUSTOMER, "请送到这里，谢谢！")
        yield Turn(AGENT, "read")
        yield self._clip("file", AGENT, name=f"发票-invoice-{self._number()}.pdf")
        yield self._text(AGENT, "This is the invoice. 发票请查收。")
        coupon = {"code": f"SHOES-{self._number()}", "off_percent": 10, "items": ["鞋带", "insoles"]}
        yield self._send(AGENT, {"kind": "custom", "data": coupon})
        thanks = self._text(CUSTOMER, "太好了，谢谢 Mia 🙏")
        yield thanks
        yield Turn(AGENT, "react", thanks.key, emoji="🎉")
        yield self._text(CUSTOMER, "I'm in the underground now, the signal comes and goes…")
        yield self._text(AGENT, "No problem: everything you send will arrive, once and in order.")
        yield Turn(CUSTOMER, "read")

    # Parts ------------------------------------------------------------------------------------------

    @property
    def _lap(self) -> str:
        return f" ({self._round})" if self._round > 1 else ""

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _send(self, speaker: str, spec: Spec, reply_to: str = "", *, mentions: bool = False) -> Turn:
        return Turn(speaker, "send", key_of_spec(spec), spec, reply_to, mentions)

    def _text(self, speaker: str, text: str, reply_to: str = "", *, mentions: bool = False) -> Turn:
        # The number is what makes a message unlike any other, and on the screen shows the order.
        spec = {"kind": "text", "text": f"{text} #{self._number()}"}
        return self._send(speaker, spec, reply_to, mentions=mentions)

    def _image(self, speaker: str, name: str) -> Turn:
        return self._clip("image", speaker, name=name)

    def _clip(self, kind: str, speaker: str, **facts: str | int) -> Turn:
        note = f"{kind} {self._number()} of {self._rng.getrandbits(64):016x}"
        return self._send(speaker, {"kind": kind, "note": note, **facts})


_BURSTS: Final = {
    CUSTOMER: ("喂？", "Hello?", "还在吗？", "看图", "这个颜色也好看", "价格一样吗？"),
    AGENT: (
        "在的。",
        "Your parcel is packed.",
        "快递单号稍后发您",
        "看图",
        "Anything else?",
        "祝您跑步愉快！",
    ),
}
