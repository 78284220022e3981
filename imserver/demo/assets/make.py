"""Makes the demo's media: a photo-like picture, two voice clips, a video clip, an invoice.

Run once by hand (`python -m imserver.demo.assets.make`) with Pillow, espeak-ng and ffmpeg at hand; what it
made is kept in the repository, so that the demo needs neither. The pictures are drawn, the voices are
synthetic: all of it is this project's own.
"""

import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

FOLDER: Final = Path(__file__).parent
_SIZE: Final = (960, 720)
_VOICES: Final = {
    "voice-customer.wav": ("cmn", "您好，我想换一双大一码的。"),
    "voice-agent.wav": ("en-us", "Sure, we will ship them today."),
}
_LINES: Final = (
    "INVOICE  SO-20260418-0731",
    "Trail runner, size 42, blue            1 x 459.00 CNY",
    "Shoe laces, flat, 120 cm               2 x   9.90 CNY",
    "Shipping, SF Express                       0.00 CNY",
    "Total                                    478.80 CNY",
    "Paid on 2026-04-18. Thank you for your order.",
)


def draw_shoes(rng: random.Random) -> Image.Image:
    """A pair of shoes on a wooden floor, with grain, shadow and noise: as hard to compress as a photo."""
    width, height = _SIZE
    picture = Image.new("RGB", _SIZE)
    draw = ImageDraw.Draw(picture)
    for plank in range(9):
        top, tint = plank * 80, rng.randint(-14, 14)
        for y in range(top, top + 80):
            wave = int(9 * math.sin(y / 7 + plank) + 6 * math.sin(y / 2.3))
            draw.line(
                [(0, y), (width, y)], fill=(168 + tint + wave, 120 + tint + wave, 78 + tint + wave // 2)
            )
        draw.line([(0, top), (width, top)], fill=(84, 56, 34), width=3)
    for left, top, angle in ((110, 150, -8), (300, 390, 6)):
        shoe = _draw_shoe(angle)
        shadow = Image.new("RGBA", shoe.size, (20, 12, 8, 0))
        shadow.putalpha(
            shoe.getchannel("A").filter(ImageFilter.GaussianBlur(16)).point(lambda a: a * 6 // 10)
        )
        picture.paste(shadow, (left + 16, top + 34), shadow)
        picture.paste(shoe, (left, top), shoe)
    noise = Image.frombytes("L", _SIZE, rng.randbytes(width * height)).point(lambda v: v // 12 + 117)
    grain = Image.merge("RGB", (noise, noise, noise)).filter(ImageFilter.GaussianBlur(0.6))
    return ImageChops.add(picture.filter(ImageFilter.GaussianBlur(0.7)), grain, 1, -128)


def _draw_shoe(angle_degrees: int) -> Image.Image:
    shoe = Image.new("RGBA", (560, 320), (0, 0, 0, 0))
    draw = ImageDraw.Draw(shoe)
    upper = [
        (60, 90),
        (130, 66),
        (176, 92),
        (250, 122),
        (340, 166),
        (440, 182),
        (506, 216),
        (516, 244),
        (56, 244),
    ]
    draw.polygon(upper, fill=(38, 84, 158, 255))
    draw.ellipse((400, 172, 524, 268), fill=(30, 68, 134, 255))
    draw.rounded_rectangle((44, 236, 526, 272), 18, fill=(238, 236, 228, 255))
    draw.rounded_rectangle((44, 262, 526, 280), 8, fill=(206, 84, 44, 255))
    draw.polygon([(60, 92), (104, 78), (96, 236), (58, 236)], fill=(206, 84, 44, 255))
    draw.ellipse((88, 60, 172, 98), fill=(22, 26, 40, 255))
    for lace in range(5):
        x, y = 186 + lace * 34, 98 + lace * 15
        draw.line([(x, y), (x + 40, y + 34)], fill=(246, 246, 240, 255), width=8)
        draw.line([(x + 34, y + 4), (x + 6, y + 36)], fill=(228, 228, 222, 255), width=6)
    draw.line([(150, 226), (250, 168), (330, 226)], fill=(240, 200, 60, 255), width=14, joint="curve")
    return shoe.rotate(angle_degrees, resample=Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(0.8))


def make_voice(name: str, language: str, words: str) -> None:
    """Speak `words` into a telephone-quality WAV file (8 kHz, A-law)."""
    spoken = FOLDER / f"spoken-{name}"
    _run("espeak-ng", "-v", language, "-s", "165", "-w", str(spoken), words)
    _run(
        *("ffmpeg", "-y", "-loglevel", "error", "-i", str(spoken), "-ar", "8000", "-ac", "1"),
        *("-c:a", "pcm_alaw", "-bitexact", str(FOLDER / name)),
    )
    spoken.unlink()


def make_video(picture: Path) -> None:
    """Let the camera come closer to the shoes for two seconds."""
    zoom = "scale=640:480,zoompan=z='1+on/100':d=24:s=320x240:fps=12,format=yuv420p"
    _run(
        *("ffmpeg", "-y", "-loglevel", "error", "-i", str(picture), "-vf", zoom, "-t", "2"),
        *("-c:v", "libx264", "-crf", "34", "-movflags", "+faststart", "-bitexact", str(FOLDER / "shoes.mp4")),
    )


def make_invoice() -> bytes:
    """A PDF of one page, built by hand: objects, their offsets, trailer (ISO 32000-1, 7.5)."""
    text = "BT /F1 11 Tf 56 780 Td 18 TL " + " ".join(f"({line}) Tj T*" for line in _LINES) + " ET"
    bodies = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
        "<< /Font << /F1 5 0 R >> >>",
    )
    out, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    tail = f"xref\n0 7\n0000000000 65535 f \n{table}trailer\n<< /Size 7 /Root 1 0 R >>\n"
    return f"{out}{tail}startxref\n{len(out)}\n%%EOF\n".encode("ascii")


def _run(*command: str) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise SystemExit(f"{command[0]} is not installed")
    subprocess.run((program, *command[1:]), check=True)


def main() -> None:
    """Make everything anew."""
    picture = FOLDER / "shoes.jpg"
    draw_shoes(random.Random(20260418)).save(picture, quality=82)
    for name, (language, words) in _VOICES.items():
        make_voice(name, language, words)
    make_video(picture)
    (FOLDER / "invoice.pdf").write_bytes(make_invoice())


if __name__ == "__main__":
    main()
