"""What the demo agency is made of. Every person is invented; numbers are of the 555-01xx range kept for fiction."""

from __future__ import annotations

from typing import NamedTuple

EMAIL_DOMAIN = "demo.example.com"


class Person(NamedTuple):
    """One member of staff; `team` indexes TEAMS, `hours` names a row of WEEKS."""

    name: str
    role: str
    team: int
    hours: str
    timezone: str = ""  # the office's


TEAMS = ["North Side", "Downtown", "West & South"]

STAFF = [
    Person("Ana Reyes", "manager", 0, "weekdays"),
    Person("Marcus Bell", "agent", 0, "weekdays"),
    Person("Priya Nair", "agent", 0, "late"),
    Person("Owen Gallagher", "agent", 0, "saturdays"),
    Person("Dana Whitfield", "manager", 1, "weekdays"),
    Person("Tomasz Zielinski", "agent", 1, "early"),
    Person("Grace Okafor", "agent", 1, "weekdays"),
    Person("Leo Marchetti", "agent", 1, "saturdays"),
    Person("Rosa Delgado", "manager", 2, "weekdays"),
    Person("Jamal Carter", "agent", 2, "late"),
    Person("Hannah Lindqvist", "agent", 2, "saturdays"),
    # Works from the East Coast: her hours follow her own zone.
    Person("Mei Tanaka", "agent", 2, "weekdays", "America/New_York"),
]

# Open stretches of a week: (weekdays, from hour, to hour), in the agent's zone.
WEEKS = {
    "weekdays": [(range(5), 9, 17)],
    "early": [(range(5), 8, 16)],
    "late": [(range(4), 11, 14), (range(4), 15, 19), (range(4, 5), 10, 16)],
    "saturdays": [(range(1, 5), 9, 17), (range(5, 6), 10, 15)],
}

BUSY_REASONS = ["Dentist", "Team meeting", "Owner meeting", "Key handover", "Inventory check", "School run"]


class Home(NamedTuple):
    unit: str
    bedrooms: int
    bathrooms: str
    rent: int


class Building(NamedTuple):
    """Homes at one address; `team` indexes TEAMS."""

    address: str
    neighborhood: str
    kind: str
    team: int
    pets: bool
    facts: tuple[str, ...]
    homes: tuple[Home, ...]


BUILDINGS = [
    Building(
        "1452 N Milwaukee Ave", "Wicker Park", "apartment", 0, True,
        ("Cats and dogs up to 40 lb, $35 a month.", "Two minutes from the Damen station.", "In-unit laundry."),
        (Home("2A", 1, "1", 1795), Home("3B", 2, "1", 2350), Home("4C", 2, "2", 2620)),
    ),
    Building(
        "2210 W Division St", "Ukrainian Village", "apartment", 0, True,
        ("Cats only.", "Shared roof deck.", "Heat is included in the rent."),
        (Home("1R", 1, "1", 1650), Home("2F", 2, "1", 2150)),
    ),
    Building(
        "3817 N Southport Ave", "Lakeview", "apartment", 0, False,
        ("No pets.", "One parking space can be rented for $150 a month.", "Near the Southport Brown Line station."),
        (Home("2", 2, "1", 2275), Home("3", 3, "2", 3150)),
    ),
    Building(
        "4630 N Winchester Ave", "Ravenswood", "townhouse", 0, True,
        ("Dogs welcome, one-off fee of $300.", "Fenced garden.", "Attached garage."),
        (Home("", 3, "2.5", 3650),),
    ),
    Building(
        "2741 N Sawyer Ave", "Logan Square", "apartment", 0, True,
        ("Cats and small dogs.", "Vintage building of 1924 with new kitchens.", "Coin laundry in the basement."),
        (Home("1", 1, "1", 1525), Home("2", 2, "1", 1950), Home("G", 0, "1", 1195)),
    ),
    Building(
        "5521 N Glenwood Ave", "Edgewater", "studio", 0, False,
        ("No pets.", "Heat and water are included.", "Five minutes to the lake."),
        (Home("204", 0, "1", 1150), Home("311", 0, "1", 1225), Home("415", 1, "1", 1475)),
    ),
    Building(
        "1130 S Michigan Ave", "South Loop", "apartment", 1, True,
        ("Two pets at most, $25 a month each.", "Doorman and gym.", "Parking in the building for $225 a month."),
        (Home("805", 1, "1", 2190), Home("1412", 2, "2", 3080), Home("2207", 3, "2", 4250)),
    ),
    Building(
        "345 N LaSalle Dr", "River North", "apartment", 1, True,
        ("Cats and dogs.", "Pool on the 40th floor.", "Twelve-month lease or longer."),
        (Home("1906", 1, "1", 2375), Home("3310", 2, "2", 3490)),
    ),
    Building(
        "740 W Fulton St", "West Loop", "loft", 1, True,
        ("Dogs welcome.", "Timber loft with 13-foot ceilings.", "Bike room and package lockers."),
        (Home("302", 1, "1", 2480), Home("509", 2, "2", 3395)),
    ),
    Building(
        "1255 N Dearborn St", "Gold Coast", "apartment", 1, False,
        ("No pets.", "All utilities but electricity are included.", "Steps to the Clark and Division station."),
        (Home("6D", 0, "1", 1495), Home("11A", 1, "1", 2050)),
    ),
    Building(
        "212 E Cullerton St", "South Loop", "townhouse", 1, True,
        ("Pets are negotiable.", "Private patio.", "Two parking spaces."),
        (Home("", 3, "3", 4600),),
    ),
    Building(
        "901 S Plymouth Ct", "Printers Row", "loft", 1, False,
        ("No pets.", "Exposed brick, south light.", "Laundry on each floor."),
        (Home("410", 1, "1", 1895), Home("1102", 2, "1.5", 2540)),
    ),
    Building(
        "1823 S Racine Ave", "Pilsen", "apartment", 2, True,
        ("Cats and dogs, no fee.", "Near the 18th Street Pink Line station.", "Shared yard."),
        (Home("1", 2, "1", 1550), Home("2", 2, "1", 1625), Home("3", 3, "1", 1890)),
    ),
    Building(
        "5410 S Harper Ave", "Hyde Park", "apartment", 2, False,
        ("No pets.", "Ten minutes' walk to the university.", "Heat is included."),
        (Home("2W", 1, "1", 1420), Home("3E", 2, "1", 1835), Home("4", 3, "2", 2290)),
    ),
    Building(
        "3344 S Wallace St", "Bridgeport", "house", 2, True,
        ("Pets welcome.", "Full basement with washer and dryer.", "Two-car garage."),
        (Home("", 3, "2", 2450),),
    ),
    Building(
        "1017 W Monroe St", "West Loop", "apartment", 2, True,
        ("Cats and dogs up to 60 lb.", "Balcony.", "Gym and shared workspace."),
        (Home("4B", 1, "1", 2260), Home("6A", 2, "2", 3175)),
    ),
    Building(
        "2608 W Washington Blvd", "East Garfield Park", "house", 2, True,
        ("Dogs welcome.", "Greystone with a large porch.", "Street parking."),
        (Home("", 4, "2", 2700),),
    ),
    Building(
        "628 W 35th St", "Bridgeport", "apartment", 2, False,
        ("No pets.", "New windows and central air.", "Near the Sox-35th Red Line station."),
        (Home("2", 2, "1", 1590), Home("3", 2, "1", 1640)),
    ),
    Building(
        "4716 N Kedzie Ave", "Albany Park", "duplex", 0, True,
        ("Cats only.", "Two floors with a private entrance.", "Near the Kedzie Brown Line station."),
        (Home("1", 3, "1.5", 2225), Home("2", 3, "2", 2395)),
    ),
]  # fmt: skip

FIRST_NAMES = [
    "Aaliyah", "Adrian", "Alejandra", "Alexis", "Amara", "Amir", "Andre", "Anika", "Antonio", "April", "Arjun",
    "Ashley", "Beatriz", "Ben", "Bianca", "Brandon", "Brianna", "Caleb", "Camila", "Carlos", "Caroline", "Cedric",
    "Chloe", "Christine", "Daniel", "Darius", "Deepa", "Derek", "Diana", "Diego", "Dominic", "Elena", "Eli",
    "Emily", "Emmanuel", "Erica", "Esther", "Ethan", "Fatima", "Felix", "Fiona", "Gabriel", "Gloria", "Hassan",
    "Hector", "Ines", "Isaac", "Ivan", "Jasmine", "Javier", "Jenna", "Jerome", "Joanna", "Jonah", "Jorge", "Julia",
    "Kareem", "Karen", "Keisha", "Kenji", "Kevin", "Lamar", "Laura", "Layla", "Liam", "Lucia", "Luis", "Maya",
    "Megan", "Miguel", "Mina", "Monique", "Naomi", "Natalie", "Nathan", "Nia", "Nicole", "Nikolai", "Noah", "Nora",
    "Olivia", "Omar", "Paige", "Paolo", "Patrice", "Quinn", "Rachel", "Rafael", "Rahul", "Renee", "Ruben", "Sadie",
    "Samira", "Sara", "Sean", "Simone", "Sofia", "Stefan", "Tanya", "Terrence", "Theo", "Tiffany", "Victor",
    "Wendy", "Xavier", "Yara", "Yusuf", "Zoe",
]  # fmt: skip

LAST_NAMES = [
    "Abbott", "Acosta", "Adeyemi", "Ahmed", "Alvarez", "Anderson", "Baker", "Banerjee", "Barnes", "Becker",
    "Bennett", "Blake", "Boateng", "Brooks", "Burke", "Byrne", "Cabrera", "Campbell", "Castillo", "Chen", "Choi",
    "Cohen", "Coleman", "Cruz", "Dawson", "Diallo", "Dixon", "Dominguez", "Doyle", "Edwards", "Espinoza", "Evans",
    "Farah", "Ferreira", "Fischer", "Flores", "Foster", "Franklin", "Garcia", "Gibson", "Goldberg", "Gomez",
    "Grant", "Greene", "Gupta", "Haddad", "Hall", "Hansen", "Harper", "Hayes", "Hernandez", "Hoffman", "Hughes",
    "Hussain", "Ibrahim", "Jackson", "Jensen", "Johnson", "Kapoor", "Keller", "Kelly", "Khan", "Kim", "Kowalski",
    "Lambert", "Lee", "Levine", "Lopez", "Malik", "Martin", "Mbeki", "Mendoza", "Meyer", "Mitchell", "Morales",
    "Murphy", "Nakamura", "Nguyen", "Novak", "Obrien", "Ortiz", "Osei", "Park", "Patel", "Pereira", "Petrov",
    "Phillips", "Powell", "Quintero", "Ramirez", "Reed", "Rivera", "Robinson", "Romero", "Rossi", "Russell",
    "Salazar", "Sanders", "Santos", "Schmidt", "Shah", "Silva", "Singh", "Sokolov", "Stone", "Sullivan", "Torres",
    "Turner", "Vargas", "Wagner", "Walker", "Washington", "Webb", "Weiss", "Williams", "Wong", "Wright", "Yamamoto",
    "Young", "Zhang",
]  # fmt: skip

SOURCES = [("phone", 58), ("website", 18), ("zillow", 12), ("walk-in", 6), ("referral", 6)]
TIMELINES = ["as soon as possible", "within two weeks", "next month", "in two months", "by the end of the lease"]
PETS = ["none", "none", "none", "one cat", "two cats", "one small dog", "one large dog"]
LOST_REASONS = [
    "Rented elsewhere", "Over budget", "Needs more bedrooms", "Does not answer", "Staying at the present home",
]  # fmt: skip

NOTES = [
    "Prefers evenings after six; works downtown.",
    "Asked twice about parking. Send the garage terms.",
    "Very keen on the light in the living room.",
    "Sister may sign as guarantor; income letter to follow.",
    "Wants to compare with a place in the same street first.",
    "Lease ends on the last of next month, cannot overlap by more than a week.",
    "Bringing a partner to the viewing.",
    "Would take it now if the dog is fine with the owner.",
    "Needs a ground floor or a lift.",
    "Sent the application link by e-mail.",
    "Left a voicemail; try again in the morning.",
    "Budget can stretch by a hundred if heat is included.",
]

FOLLOW_UPS = [
    "Ask how the viewing went",
    "Send the application link",
    "Check references",
    "Answer the question about parking",
    "Offer a second viewing",
    "Confirm the pet terms with the owner",
]
CALLBACKS = [
    "Wants to speak to a person about the deposit",
    "Asked for a call after work",
    "Call broke off; finish qualifying",
    "Question about a guarantor",
]
