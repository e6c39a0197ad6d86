"""Pictures of the demo agency's homes: drawn, so that nobody's house is shown."""

from __future__ import annotations

import random
from itertools import product

from PIL import Image, ImageColor, ImageDraw

from crm.models import Listing, ListingPhoto
from crm.photos import keep

WIDTH, HEIGHT = 720, 540
GROUND = 450
# Enough for the lists to look alive; the others show how a home without photos looks.
MOST = 14
SKIES = [("#cfe3f5", "#f6efe2"), ("#f3d7c2", "#fbeee0"), ("#b9d3e8", "#e8f0f2"), ("#3f5878", "#d8a48f")]
WALLS = ["#9c5a4a", "#c8b69a", "#7d8794", "#b98362", "#5f6f7e", "#d8cdbd"]
ROOMS = [("#ece6dc", "#c9a87c", "#7b8f86"), ("#e4e8ea", "#a98f74", "#b0725a"), ("#f2ece2", "#8d755c", "#58718a")]


def load_pictures(listings: list[Listing]) -> None:
    """Give some homes a picture of the house, and every second of those one of the living room."""
    rows = []
    addresses: set[str] = set()
    for listing in listings:
        if listing.address in addresses or len(addresses) == MOST:
            continue
        addresses.add(listing.address)
        rng = random.Random(listing.address)
        is_low = listing.property_type in ("house", "townhouse", "duplex")
        front = _house(rng) if is_low else _block(rng)
        rows.append(keep(listing, front, alt=f"{listing.address} from the street, drawn", position=0))
        if len(addresses) % 2:
            rows.append(keep(listing, _room(rng), alt="Living room with a sofa and a window, drawn", position=1))
    ListingPhoto.objects.bulk_create(rows)


def _street(rng: random.Random) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return sky, ground and pavement."""
    above, below = rng.choice(SKIES)
    sky = Image.new("RGB", (1, 2))
    sky.putpixel((0, 0), ImageColor.getrgb(above))
    sky.putpixel((0, 1), ImageColor.getrgb(below))
    image = sky.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, GROUND, WIDTH, HEIGHT), fill="#8b9a7b")
    draw.rectangle((0, GROUND + 30, WIDTH, GROUND + 52), fill="#c7c4bd")
    draw.rectangle((0, GROUND + 52, WIDTH, HEIGHT), fill="#5b5f66")
    return image, draw


def _block(rng: random.Random) -> Image.Image:
    image, draw = _street(rng)
    wall = rng.choice(WALLS)
    left, right, top = rng.randint(120, 180), WIDTH - rng.randint(120, 180), rng.randint(60, 130)
    draw.rectangle((left, top, right, GROUND), fill=wall)
    draw.rectangle((left - 8, top - 14, right + 8, top), fill="#00000033" if wall == "#5f6f7e" else "#4b4640")
    columns, floors = rng.randint(4, 6), rng.randint(4, 5)
    wide, high = (right - left) / columns, (GROUND - 70 - top) / floors
    for column, floor in product(range(columns), range(floors)):
        x, y = left + column * wide, top + floor * high
        lit = "#f7dd9b" if rng.random() < 0.3 else "#cfdbe3"
        _window(draw, (x + wide * 0.22, y + high * 0.25, x + wide * 0.78, y + high * 0.85), lit)
    middle = (left + right) // 2
    draw.rectangle((middle - 28, GROUND - 62, middle + 28, GROUND), fill="#2f3b46")
    draw.rectangle((middle - 44, GROUND - 72, middle + 44, GROUND - 62), fill="#4b4640")
    _tree(draw, left - 70, rng)
    return image


def _house(rng: random.Random) -> Image.Image:
    image, draw = _street(rng)
    left, right, top = 170, 550, rng.randint(220, 250)
    draw.polygon([(left - 30, top), ((left + right) // 2, top - 120), (right + 30, top)], fill="#4f4a48")
    draw.rectangle((left, top, right, GROUND), fill=rng.choice(WALLS))
    for x in (left + 40, right - 120):
        _window(draw, (x, top + 40, x + 80, top + 120), "#f7dd9b" if rng.random() < 0.5 else "#cfdbe3")
    middle = (left + right) // 2
    draw.rectangle((middle - 34, GROUND - 110, middle + 34, GROUND), fill=rng.choice(["#2f4a44", "#6a2f2a", "#2f3b56"]))
    draw.ellipse((middle + 18, GROUND - 58, middle + 26, GROUND - 50), fill="#e0c068")
    _tree(draw, right + 80, rng)
    _tree(draw, left - 90, rng)
    return image


def _room(rng: random.Random) -> Image.Image:
    wall, floor, sofa = rng.choice(ROOMS)
    image = Image.new("RGB", (WIDTH, HEIGHT), wall)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 400, WIDTH, HEIGHT), fill=floor)
    _window(draw, (90, 70, 300, 290), "#cfe3f5")
    draw.rounded_rectangle((330, 270, 660, 380), 24, fill=sofa)
    draw.rounded_rectangle((310, 330, 680, 430), 20, fill=sofa, outline="#00000022")
    draw.rectangle((430, 110, 560, 210), fill="#ffffff", outline="#4b4640", width=4)
    draw.ellipse((180, 440, 520, 500), fill="#ffffff")
    return image


def _window(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], glass: str) -> None:
    left, top, right, bottom = box
    draw.rectangle(box, fill=glass, outline="#f4f1ea", width=4)
    draw.line(((left + right) / 2, top, (left + right) / 2, bottom), fill="#f4f1ea", width=3)


def _tree(draw: ImageDraw.ImageDraw, x: int, rng: random.Random) -> None:
    size = rng.randint(46, 64)
    draw.rectangle((x - 6, GROUND - 90, x + 6, GROUND), fill="#5d4a3a")
    draw.ellipse((x - size, GROUND - 90 - size * 1.5, x + size, GROUND - 60), fill="#5f7d56")
