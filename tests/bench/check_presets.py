#!/usr/bin/env python3
"""Do the presets of scripts/build still work together? Both are configured in a tree of links to the sources, so that nobody's
build or profile is touched; the instrumented corpus generator is built and run once; and the compiler that is to use the profile
has to find what that run recorded. Usage: check_presets.py SOURCE_DIR"""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

PROGRAM = "tests/bench/corpus"
OBJECT = "tests/bench/CMakeFiles/corpus.dir/corpus_lines.c.o"  # most of what the run does


def run(command, **options):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(str(word) for word in command)}\n{done.stdout[-4000:]}")
    return done.stdout


def link_tree(sources: pathlib.Path, tree: pathlib.Path) -> None:
    """The presets name folders of the source tree, so it has to be another one."""
    for entry in sources.iterdir():
        if entry.name != "build" and not entry.name.startswith("."):
            (tree / entry.name).symlink_to(entry)


def compile_command(tree: pathlib.Path, preset: str) -> list[str]:
    commands = json.loads((tree / "build" / preset / "compile_commands.json").read_text())
    return shlex.split(next(c["command"] for c in commands if f" {OBJECT} " in c["command"]))


def main() -> int:
    sources = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="dendro-presets-") as folder:
        tree = pathlib.Path(folder).resolve()
        link_tree(sources, tree)
        for preset in ("instrumented", "production"):
            run(["cmake", "--preset", preset], cwd=tree)
        run(["cmake", "--build", "build/instrumented", "--", "corpus"], cwd=tree)
        run([tree / "build/instrumented" / PROGRAM, tree / "lines", "1"], cwd=tree)
        recorded = list((tree / "build/profile").glob("*.gcda"))
        strict = [*compile_command(tree, "production"), "-Wmissing-profile", "-Werror=missing-profile"]
        (tree / "build/production" / OBJECT).parent.mkdir(parents=True, exist_ok=True)
        run(strict, cwd=tree / "build/production")
        for file in recorded:
            file.unlink()
        without = subprocess.run(strict, cwd=tree / "build/production", capture_output=True, text=True)
        if without.returncode == 0:
            sys.exit("the compiler does not say that a profile is missing: this test sees nothing")
    print(f"{len(recorded)} files have a profile, and the preset production finds that of {OBJECT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
