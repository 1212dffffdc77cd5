#!/usr/bin/env python3
"""The manual against the programs: fails on what --help knows and docs/ does not, on dead links, on wrong examples.

    check_docs.py TOP DENDRO DENDRO-COLLECTOR DENDRO-SHIPPER

Examples are the lines `dendro ...` (with or without `$ `) of code blocks in README.md and docs/. They are run against an empty
collector: whatever they find, their command line and their query must be right, so an exit code of 2 is a failure, unless
the block goes on with a message of dendro, which the example is there to show.
"""
import pathlib
import re
import select
import shlex
import subprocess
import sys
import tempfile

COMMANDS = ["grep", "query", "tail", "fields", "patterns", "status", "explain", "verify", "config", "erase",
            "store"]
MAN = {"dendro": "dendro.1", "dendro grep": "dendro-grep.1", "dendro query": "dendro-query.1",
       "dendro-collector": "dendro-collector.8", "dendro-shipper": "dendro-shipper.8"}
CONTRACT = ["docs/cli.md", "docs/configuration.md"]
EXAMPLES = ["README.md", "docs/cli.md", "docs/query.md", "docs/host_counters.md"]
OTHERS = ["scripts/up"]  # lines about programs that are not ours to ask
ASKS = {"grep", "query", "fields", "patterns", "status", "explain"}  # those that end by themselves and need no files


def option_names(help_text: str):
    """--long names and letters at the start of a line of --help, and the keys of KEY=VALUE lists."""
    for line in help_text.splitlines():
        if match := re.match(r"\s+(?:-(\w), |\s*)--([a-z-]+)", line):
            yield "--" + match[2], match[1] and "-" + match[1]


def undocumented(top: pathlib.Path, programs: dict):
    text = "\n".join((top / name).read_text() for name in CONTRACT)
    for name, words in programs.items():
        help_text = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True).stdout
        page = top / "docs/man" / MAN.get(name, "dendro.1")
        man = page.read_text().replace("\\-", "-")
        for option, letter in option_names(help_text):
            if f" {option}" not in man.replace("Fl ", " -"):
                yield f"{name}: {option} is not in {page.relative_to(top)}"
            key = "`" + option[2:].replace("-", "_") + "`"
            if f"`{option}" not in text and key not in text:
                yield f"{name}: {option} is neither in docs/cli.md nor in docs/configuration.md"
            if letter and f"`{letter}" not in text:
                yield f"{name}: {letter} is not documented"


def unknown_options(top: pathlib.Path, programs: dict):
    """Options that the manual names and no program has: every --word of the man pages and of code in docs/."""
    known = {"--help", "--version"}
    for words in programs.values():
        help_text = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True).stdout
        known |= set(re.findall(r"--[a-z][a-z-]*", help_text))
    known |= {"--no-" + option[2:] for option in known}
    for path in [*sorted((top / "docs/man").iterdir()), *(top / name for name in [*CONTRACT, *EXAMPLES])]:
        for at, line in enumerate(path.read_text().replace("\\-", "-").splitlines()):
            for option in re.findall(r"(?<![\w-])(--[a-z][a-z-]*[a-z])(?![\w-])", line):
                if option not in known and not any(word in line for word in OTHERS):
                    yield f"{path.relative_to(top)}:{at + 1}: no program has {option}"


def yaml_keys(top: pathlib.Path):
    """Keys of the examples in packaging/ stand in docs/configuration.md."""
    text = (top / "docs/configuration.md").read_text()
    for path in sorted((top / "packaging").glob("*.yaml")):
        for key in re.findall(r"^(?:# )?([a-z_]+):", path.read_text(), re.M):
            if f"`{key}`" not in text:
                yield f"{path.relative_to(top)}: {key} is not in docs/configuration.md"


def dead_links(top: pathlib.Path):
    names = subprocess.run(["git", "ls-files", "*.md"], cwd=top, capture_output=True, text=True).stdout.split()
    for path in [top / name for name in names if (top / name).exists()]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                yield f"{path.relative_to(top)}: nothing is at {target}"


def dead_citations(top: pathlib.Path):
    """Pages that comments name: from the top of the tree, or from the folder of the file."""
    names = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.py", "*.sh"], cwd=top, capture_output=True, text=True).stdout.split()
    for path in [top / name for name in names if (top / name).exists()]:
        for page in set(re.findall(r"(?<![\w./*-])((?:[\w-]+/)*[\w-]+\.md)\b", path.read_text(errors="replace"))):
            if not (top / page).exists() and not (path.parent / page).exists():
                yield f"{path.relative_to(top)}: there is no {page}"


def examples(top: pathlib.Path):
    for name in EXAMPLES:
        lines = (top / name).read_text().splitlines() + [""]
        for at, line in enumerate(lines):
            match = re.match(r"    (\$ )?(dendro (\w+) .*)", line)
            if match and match[3] in ASKS and not lines[at + 1].startswith("    dendro:"):
                yield f"{name}:{at + 1}", match[2]


def start_collector(program: str, folder: str):
    """Gives the process and the address of its API, which it says when it is ready."""
    process = subprocess.Popen([program, "--config", "/dev/null", "--data", folder, "--geo", "fr", "--http", "127.0.0.1:0",
                                "--wire", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    while select.select([process.stderr], [], [], 30)[0]:
        line = process.stderr.readline()
        if match := re.search(r"ready: .*(http://[\d.:]+)", line):
            return process, match[1]
        if not line:
            break
    process.kill()
    raise SystemExit("the collector did not start")


def wrong_examples(top: pathlib.Path, dendro: str, collector: str):
    with tempfile.TemporaryDirectory() as folder:
        process, server = start_collector(collector, folder)
        try:
            for place, text in examples(top):
                words = [word for word in shlex.split(text, comments=True) if word != "--follow"]
                run = subprocess.run([dendro, words[1], "--server", server, *words[2:]], stdin=subprocess.DEVNULL,
                                     capture_output=True, text=True, timeout=30, cwd=folder)
                if run.returncode == 2:
                    yield f"{place}: {text}\n    {run.stderr.strip()}"
        finally:
            process.terminate()
            process.wait(30)
            process.stderr.close()


def main() -> int:
    top, dendro, collector, shipper = pathlib.Path(sys.argv[1]), *sys.argv[2:5]
    programs = {f"dendro {name}": [dendro, name] for name in COMMANDS}
    programs |= {"dendro-collector": [collector], "dendro-shipper": [shipper]}
    wrong = [*undocumented(top, programs), *unknown_options(top, programs), *yaml_keys(top), *dead_links(top), *dead_citations(top),
             *wrong_examples(top, dendro, collector)]
    print("\n".join(wrong) or "the manual says what the programs do")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
