#!/usr/bin/env python3
"""The arrows between folders (ARCHITECTURE.md, "Folders"): fails on an #include that is not allowed.

Only main.c files may include what their program wires together. System headers are free.
"""
import pathlib
import re
import sys

ALLOWED = {
    "base": set(),
    "shipper": {"base"},
    "store": {"base"},
    "collector": {"base", "store"},
    "query": {"base", "store"},
    "dashboards": {"base", "query"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def wrong_arrows(top: pathlib.Path):
    for folder, allowed in ALLOWED.items():
        for path in sorted((top / folder).rglob("*.[ch]")):
            if path.name == "main.c":
                continue
            for target in INCLUDE.findall(path.read_text(errors="replace")):
                first = target.split("/")[0]
                if "/" not in target:
                    yield f'{path.relative_to(top)}: "{target}": write the path from the top of the repository'
                elif first != folder and first not in allowed:
                    yield f'{path.relative_to(top)}: "{target}": {folder}/ may include only {sorted(allowed | {folder})}'
                elif not (top / target).exists():
                    yield f'{path.relative_to(top)}: "{target}" does not exist'


def main() -> int:
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1])
    wrong = list(wrong_arrows(top))
    print("\n".join(wrong) or "all includes follow the arrows")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
