"""Writes the projects of the three teams into this folder, each with its wheel already built.

`apple` needs `banana` and `cherry`; these need nothing. A real project would run `pip wheel`.
"""

import base64
import hashlib
import zipfile
from pathlib import Path

PROJECTS = {"apple": ("banana", "cherry"), "banana": (), "cherry": ()}

MODULE = """\
{imports}
def taste():
    return " and ".join(["{name}"{others}])
"""
TEST = """\
import {name}


def test_it_tastes_of_what_is_in_it():
    assert {name}.taste() == "{expected}"
"""


def write(folder: Path, name: str, needs: tuple[str, ...]) -> None:
    files = {
        "pyproject.toml": f'[project]\nname = "{name}"\nversion = "1.0"\n',
        f"test_{name}.py": TEST.format(name=name, expected=" and ".join([name, *needs])),
    }
    (folder / "dist").mkdir(parents=True, exist_ok=True)
    for inside, text in files.items():
        (folder / inside).write_text(text)
    wheel(folder / "dist", name, needs)


def wheel(folder: Path, name: str, needs: tuple[str, ...]) -> None:
    info = f"{name}-1.0.dist-info"
    imports = "".join(f"import {need}\n" for need in needs) + "\n"
    others = "".join(f", {need}.taste()" for need in needs)
    requires = "".join(f"Requires-Dist: {need}\n" for need in needs)
    content = {
        f"{name}.py": MODULE.format(imports=imports, name=name, others=others),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: teams\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(text)},{len(text)}\n" for path, text in content.items()]
    content[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path), text)


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


for name, needs in PROJECTS.items():
    write(Path(__file__).parent / name, name, needs)
