import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READS = re.compile(r'(?:env\.\w+|\bsecret)\(\s*"([A-Z_]+)"')


def test_env_example_and_readme_list_every_setting():
    read = set(READS.findall((ROOT / "config" / "settings.py").read_text(encoding="utf-8")))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    # The options of HMAC share a prefix in the table.
    readme = set(re.findall(r"`(\w+)`", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert len(read) > 30
    assert example == read
    assert {name for name in read if name not in readme and f"_{name.rsplit('VAPI_HMAC_')[-1]}" not in readme} == set()
