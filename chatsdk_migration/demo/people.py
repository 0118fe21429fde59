"""The people of Kaffeehaus Roasters, the sample workspace's company.

Here: who they are and in which state their accounts are. Not here: what they write (``texts.py``, ``sample.py``).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Person(NamedTuple):
    """One account; ``desk`` is where the person works and decides which channels they are in."""

    id: str
    name: str
    desk: str
    language: str = "en"
    role: str = "user"


STAFF: Final[tuple[Person, ...]] = (
    Person("amelie.huber", "Amélie Huber", "office", "de", "admin"),
    Person("jonas.weber", "Jonas Weber", "office", "de"),
    Person("priya.raman", "Priya Raman", "finance", "en"),
    Person("matteo.ricci", "Matteo Ricci", "marketing", "it"),
    Person("claire.dubois", "Claire Dubois", "marketing", "fr"),
    Person("zoe-oconnor", "Zoë O’Connor", "marketing", "en"),
    Person("viktor.novak", "Viktor Novák", "roastery", "de"),
    Person("hanna.lindqvist", "Hanna Lindqvist", "roastery", "en"),
    Person("tesfaye.bekele", "Tesfaye Bekele", "roastery", "en"),
    Person("lena.fischer", "Lena Fischer", "roastery", "de"),
    Person("marco.steiner", "Marco Steiner", "roastery", "de"),
    Person("ingrid.moser", "Ingrid Moser", "roastery", "de"),
    Person("carlos.mendez", "Carlos Méndez", "buying", "es"),
    Person("abebe.tadesse", "Abebe Tadesse", "buying", "en"),
    Person("lucia.fernandez", "Lucía Fernández", "buying", "es"),
    Person("kofi.mensah", "Kofi Mensah", "logistics", "en"),
    Person("petra.kovacs", "Petra Kovács", "logistics", "de"),
    Person("emre.yilmaz", "Emre Yılmaz", "logistics", "tr"),
    Person("dragan.petrovic", "Драган Петровић", "logistics", "de"),
    Person("agnieszka.nowak", "Agnieszka Nowak", "shop", "en", "moderator"),
    Person("bjorn.dahl", "Bjørn Dahl", "shop", "en"),
    Person("mei.lin", "林美", "shop", "zh"),
    Person("arjun.patel", "Arjun Patel", "shop", "en"),
    Person("sofia.rossi", "Sofia Rossi", "shop", "it"),
    Person("tom_baker", "Tom Baker", "shop", "en"),
    Person("franz.gruber", "Franz Gruber", "wien", "de"),
    Person("mizzi.hofer", "Mizzi Hofer", "wien", "de"),
    Person("stefan.bauer", "Stefan Bauer", "wien", "de"),
    Person("julia.wagner", "Julia Wagner", "wien", "de"),
    Person("sabine.pichler", "Sabine Pichler", "wien", "de"),
    Person("kaan.demir", "Kaan Demir", "istanbul", "tr"),
    Person("elif.sahin", "Elif Şahin", "istanbul", "tr"),
    Person("burak.aydin", "Burak Aydın", "istanbul", "tr"),
    Person("defne.celik", "Defne Çelik", "istanbul", "tr"),
    Person("noa.levi", "נועה לוי", "tel-aviv", "he"),
    Person("itai.cohen", "איתי כהן", "tel-aviv", "he"),
    Person("shira.mizrahi", "שירה מזרחי", "tel-aviv", "he"),
    Person("layla.haddad", "ليلى حداد", "beirut", "ar"),
    Person("omar.khoury", "عمر خوري", "beirut", "ar"),
    Person("rania.saab", "رانيا صعب", "beirut", "ar"),
    Person("yuki.tanaka", "田中 由紀", "tokyo", "ja"),
    Person("kenji.sato", "佐藤 健二", "tokyo", "ja"),
    Person("haruka.mori", "森 遥", "tokyo", "ja"),
    Person("joao.silva", "João Silva", "lisbon", "pt"),
    Person("ines.costa", "Inês Costa", "lisbon", "pt"),
    Person("rui.almeida", "Rui Almeida", "lisbon", "pt"),
    Person("oleksandr.bondar", "Олександр Бондар", "finance", "uk"),
    Person("greta.lang", "Greta Lang", "office", "de"),
    Person("samuel_adeyemi", "Samuel Adeyemi", "finance", "en"),
    Person("intern_ravi", "Ravi (intern) 🌱", "roastery", "en"),
)

GUESTS: Final[tuple[Person, ...]] = (
    Person("guest-5f1c3a52-latte-lover", "latte lover", "audience", "en", "guest"),
    Person("guest-90b2e7aa-anna", "Anna", "audience", "de", "guest"),
    Person("guest-c41d88f0-paulo", "Paulo ☕", "audience", "pt", "guest"),
    Person("guest-e07711bd-viewer", "viewer", "audience", "en", "guest"),
)

BOT: Final = Person("roast-bot", "Roast Bot 🤖", "roastery", "en", "bot")

DEACTIVATED: Final[tuple[Person, ...]] = (
    Person("ulrike.schmid", "Ulrike Schmid", "office", "de"),
    Person("nils.holm", "Nils Holm", "shop", "en"),
)

DELETED: Final[tuple[Person, ...]] = (
    Person("dieter.maier", "Dieter Maier", "roastery", "de"),
    Person("former-employee-7", "", "logistics", "en"),
)

BANNED: Final = Person("spam.seller", "CHEAP BEANS 4U", "audience", "en")

SHADOW_BANNED: Final = Person("grumpy.viewer", "Grumpy Viewer", "audience", "en")


def at_desks(*desks: str) -> list[str]:
    """Give the ids of the staff at these desks, in the order of the table."""
    return [person.id for person in STAFF if person.desk in desks]
