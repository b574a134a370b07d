"""The demo academy's people: invented names, several time zones, one account of each role to sign in with."""

PASSWORD = "hilink-demo"
DOMAIN = "demo.example"

ACCOUNTS = (
    ("student", f"student@{DOMAIN}"),
    ("instructor", f"instructor@{DOMAIN}"),
    ("coordinator", f"coordinator@{DOMAIN}"),
    ("guardian", f"guardian@{DOMAIN}"),
    ("operator", f"operator@{DOMAIN}"),
)

STAFF = (
    # name, email part, roles, zone, language
    ("Helen Laurent", "coordinator", ("coordinator",), "Europe/London", "en"),
    ("Jonas Weber", "jonas", ("coordinator",), "Europe/Berlin", "de"),
    ("Olu Bankole", "operator", ("operator",), "Europe/London", "en"),
)

INSTRUCTORS = (
    # name, email part, zone, language, course keys
    ("Ruth Adeyemi", "instructor", "Africa/Lagos", "en", ("algebra", "physics")),
    ("Mateus Prates", "mateus", "Europe/Lisbon", "en", ("algebra", "python")),
    ("Ines Carvalho", "ines", "America/Sao_Paulo", "en", ("english", "algebra")),
    ("Viktor Hahn", "viktor", "Europe/Berlin", "de", ("physics", "algebra")),
    ("Priya Raman", "priya", "Asia/Kolkata", "en", ("python", "physics")),
    ("Grace Whitfield", "grace", "Europe/London", "en", ("english",)),
)

FAMILIES = (
    # guardian, email part, zone, language, ((child, course keys), ...)
    (
        "Sana Rahman",
        "guardian",
        "Europe/London",
        "en",
        (("Aisha Rahman", ("algebra", "english")), ("Bilal Rahman", ("physics",))),
    ),
    (
        "Marta Novak",
        "marta",
        "Europe/Prague",
        "en",
        (("Emil Novak", ("physics",)), ("Hana Novak", ("algebra",))),
    ),
    (
        "Sofia Haddad",
        "sofia",
        "Asia/Dubai",
        "en",
        (("Noor Haddad", ("physics",)), ("Leila Haddad", ("english",))),
    ),
    (
        "Katrin Brandt",
        "katrin",
        "Europe/Berlin",
        "de",
        (("Leo Brandt", ("algebra",)), ("Mina Brandt", ("python",))),
    ),
    (
        "Daniel Osei",
        "daniel",
        "Africa/Accra",
        "en",
        (("Kofi Osei", ("algebra",)), ("Ama Osei", ("english",))),
    ),
    ("Yumi Tanabe", "yumi", "Asia/Tokyo", "en", (("Yuki Tanabe", ("english",)), ("Ren Tanabe", ("python",)))),
    (
        "Carla Rivera",
        "carla",
        "America/New_York",
        "en",
        (("Mateo Rivera", ("algebra",)), ("Lucia Rivera", ("python",))),
    ),
    (
        "Omar Farouk",
        "omar",
        "Africa/Cairo",
        "en",
        (("Zayn Farouk", ("physics",)), ("Salma Farouk", ("algebra",))),
    ),
    (
        "Beatriz Lima",
        "beatriz",
        "Europe/Lisbon",
        "en",
        (("Tomas Lima", ("python",)), ("Rita Lima", ("english",))),
    ),
    (
        "Ewa Kowalska",
        "ewa",
        "Europe/Warsaw",
        "en",
        (("Zofia Kowalska", ("physics",)), ("Jan Kowalski", ("algebra",))),
    ),
    ("Anjali Mehta", "anjali", "Asia/Kolkata", "en", (("Arjun Mehta", ("python",)),)),
    ("Freya Nilsen", "freya", "Europe/Oslo", "en", (("Ida Nilsen", ("english",)),)),
)

ADULTS = (
    # adult students: their own recipients
    ("Hugo Martins", "student", "Europe/Lisbon", "en", ("algebra", "python")),
    ("Chidi Okafor", "chidi", "Africa/Lagos", "en", ("physics",)),
)
