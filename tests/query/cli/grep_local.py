#!/usr/bin/env python3
"""`dendro grep` on files against GNU grep: the same flags, patterns and files through both programs; standard output and exit
status must be equal. GNU grep is the oracle, with LC_ALL=C, since our patterns see bytes."""
import bz2
import gzip
import itertools
import lzma
import os
import pathlib
import random
import subprocess
import sys
import tempfile

DENDRO = sys.argv[1]
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "dumb"}

FILES = {
    "words": b"foo\nbar\nfoobar\nfoo bar\n\nFoo\nfo\nbar-foo\n_foo_\nfoo_bar foo\n",
    "log": b"".join(b"%04d INFO request id=%x took %dms\n" % (n, n * 7919, n % 50) for n in range(300)),
    "no_end": b"alpha\nbeta\ngamma",
    "empty": b"",
    "newline": b"\n",
    "blank": b"\n\n\na\n\n",
    "repeat": b"aaa\naa\na\nb\nab\nabab\nababab\n",
    "specials": b"a.c\nabc\na*c\na\\c\n[x]\n(y)\n{z}\na+b\na?b\n^a\na$\na|b\n$5.00\n*\n",
    "nul": b"one\x00two\nthree\nfour\n",
    "late_nul": b"early foo\n" * 3 + b"x\x00y foo\nfoo\n",
    "high": b"caf\xe9 au lait\n\xc3\xa9t\xc3\xa9\nplain\n",
    "long": b"x" * 300000 + b"foo" + b"y" * 300000 + b"\nfoo\n" + b"z" * 700000 + b"\nend\n",
    "crlf": b"foo\r\nbar\r\n",
    "records": b"foo\nbar\0baz\0\0foo\0end",
    "dash": b"-v\n--\n-e foo\n",
}

BASIC = ["foo", "o", "", "^foo", "foo$", "^$", ".", "f.o", "fo*", "*", "^*", "a\\+", "a\\?b", "\\(ab\\)*", "\\(a\\)\\1", "[a-c]",
         "[^a-c]", "[]x]", "[^]x]", "[[:digit:]]", "[[:alpha:]_]*", "a\\{2\\}", "a\\{2,\\}", "a\\{,2\\}", "a\\|b", "\\(foo\\|bar\\)",
         "\\<foo", "foo\\>", "\\bfoo\\b", "\\Boo", "\\w\\W", "\\.", "\\*", "\\^", "\\$", "a**", "\\(^a\\)", "a\\|^b", "x^y", "a$b",
         "[a\\]", "[.]", "id=[0-9a-f]*5 ", "took 4[0-9]ms", "(y)", "{z}", "a+b", "a|b", "\\(\\)", "^a\\{3\\}$", "[a-]", "[-a]",
         "[[.a.]]", "[[=a=]]", "\\s", "\\S*", "foo\nbar", "\n", "\\(a\\|ab\\)\\(c\\|bcd\\)", "[\\n]", "\\`a", "a\\'"]
EXTENDED = ["foo", "fo+", "fo?", "(foo|bar)", "foo|", "|foo", "()", "^(a|b)*$", "a{2}", "a{2,}", "a{,2}", "a{1", "a{1,2", "a{x}",
            "a)", "(a)\\1", "(ab){2}", "a**", "a+*", "a*+", "a*?", "^*", "*a", "+a", "(*a)", "a|*b", "\\(y\\)", "\\{z\\}", "a\\+b",
            "[[:upper:]]+", "(a|ab)(c|bcd)?", "\\bfoo\\b|^x", "x|y|z", "id=(1|2)+", "took (1|10|100)ms", "^", "$", "a$|^b", "\\w+",
            "(foo)?bar", "[0-9]{4} INFO", "(a|b|ab)*", "INFO.*(9|19)ms$", "a{2}{1}", "((a))\\2", "a|b{2}", "^(a{1,2}){2}$"]
FIXED = ["foo", "a.c", "*", "", "foo\nbar", "a\\c", "^a", "FOO", "id=5", "ab", "[x]", "$5.00"]
PERL = ["foo", "\\d{4}", "(?i)FOO", "foo(?=bar)", "^\\w+$", "a++b", "(?<=foo)bar", "a|ab", "\\Qa.c\\E", "[^a]*", "x{2,3}?"]
BROKEN = [("-G", "\\("), ("-G", "a\\{1"), ("-G", "["), ("-G", "[[:foo:]]"), ("-G", "\\"), ("-E", "("), ("-E", "["), ("-E", "[b-a]"),
          ("-G", "\\(a\\)\\2"), ("-G", "[:space:]"), ("-E", "a\\"), ("-G", "\\)"), ("-G", "a\\{2,1\\}")]

FLAGS = [[], ["-c"], ["-v"], ["-i"], ["-w"], ["-x"], ["-o"], ["-n"], ["-b"], ["-l"], ["-L"], ["-q"], ["-h"], ["-H"], ["-m1"],
         ["-m", "2"], ["-m0"], ["-s"], ["-a"], ["-z"], ["-ob"], ["-on"], ["-vn"], ["-vc"], ["-wi"], ["-xi"], ["-A1"], ["-B1"], ["-C1"],
         ["-2"], ["-A0"], ["-nA2"], ["-m1", "-A2"], ["-m2", "-C1"], ["-vC1"], ["-ovn"], ["-cv"], ["-ow"], ["-oi"], ["-nbH"], ["-lv"],
         ["-cm2"], ["-oB1"], ["-zo"], ["-zc"], ["-aB2", "-n"], ["-vm2"], ["-xv"], ["-wv"], ["-wo", "-n"]]


def run(program, arguments, stdin=None):
    if stdin is None:
        done = subprocess.run([*program, *arguments], capture_output=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    else:
        done = subprocess.run([*program, *arguments], capture_output=True, env=ENVIRONMENT, input=stdin)
    return done.returncode, done.stdout


class Comparison:
    def __init__(self):
        self.count, self.differences = 0, []

    def check(self, arguments, stdin=None, as_lines=False):
        self.count += 1
        theirs, ours = run(["grep"], arguments, stdin), run([DENDRO, "grep"], arguments, stdin)
        if as_lines:  # -r: the order of files in a directory is its own
            theirs, ours = ((code, sorted(out.split(b"\n"))) for code, out in (theirs, ours))
        if theirs != ours:
            self.differences.append((arguments, theirs, ours))


def all_cases(compare, sample):
    """Every pattern with a few flags, every flag with a few patterns; which ones is drawn with a fixed seed."""
    dice = random.Random(20260302)
    names = sorted(FILES)
    for syntax, patterns in (("-G", BASIC), ("-E", EXTENDED), ("-F", FIXED), ("-P", PERL)):
        cases = list(itertools.product(patterns, FLAGS))
        for pattern, flags in dice.sample(cases, min(sample, len(cases))):
            if syntax == "-P" and ("\n" in pattern or flags and "z" in flags[0]):
                continue
            name = dice.choice(names)
            if name == "high" and flags and "w" in flags[0]:
                continue  # to us, bytes from 0x80 on belong to words, as they do in a UTF-8 locale
            compare.check([syntax, *flags, "-e", pattern, name])
        for pattern in patterns:  # each at least once, over several files
            compare.check([syntax, "-o" if dice.random() < 0.5 else "-n", "-e", pattern, *dice.sample(names, 3)])
    for flags in FLAGS:
        compare.check([*flags, "foo", *names])
        compare.check([*flags, "-e", "foo", "-e", "bar", "words", "log"])
        compare.check([*flags, "foo"], stdin=FILES["words"])
        compare.check([*flags, "foo", "-", "words"], stdin=FILES["words"])
        compare.check([*flags, "-f", "patterns", "words"])
        compare.check([*flags, "-f", "empty", "words"])
        compare.check([*flags, "-f", "-", "words"], stdin=b"foo\nb.r\n")


def special_cases(compare):
    for syntax, pattern in BROKEN:
        compare.check([syntax, "--", pattern, "words"])
    compare.check(["foo", "missing", "words"])
    compare.check(["-s", "foo", "missing", "words"])
    compare.check(["-q", "foo", "missing", "words"])
    compare.check(["-q", "foo", "words", "missing"])
    compare.check(["foo", "folder"])
    compare.check(["-EF", "foo", "words"])
    compare.check(["-PE", "foo", "words"])
    compare.check(["--", "-v", "dash"])
    compare.check(["-e", "-v", "dash"])
    compare.check(["-e-e", "dash"])
    compare.check(["-r", "foo"], as_lines=True)
    compare.check(["-r", "foo", "folder"], as_lines=True)
    compare.check(["-rc", "foo", "."], as_lines=True)
    compare.check(["-rl", "foo", "folder", "words"], as_lines=True)
    compare.check(["-rh", "foo", "folder"], as_lines=True)
    compare.check(["-r", "foo", "words"])
    compare.check(["--regexp=foo", "--count", "words"])
    compare.check(["--max-count=1", "--with-filename", "foo", "words"])
    compare.check(["--context=1", "--line-number", "id=0 ", "log"])
    compare.check(["-A", "x", "foo", "words"])
    compare.check(["-m", "x", "foo", "words"])
    compare.check(["-1", "-n", "took 49", "log"])
    compare.check(["--color=always", "foo", "words", "no_such"][1:])


def packed_cases(compare):
    """Ours alone: .gz is read, .xz and .bz2 are refused with the way out instead of not found in them; a cut file is told once."""
    for name, packed, code, out, said in [
        ("packed.gz", gzip.compress(FILES["log"]), 0, b"0007 INFO", b""),
        ("packed.xz", lzma.compress(FILES["log"]), 2, b"", b"xz -dc FILE | dendro grep"),
        ("packed.bz2", bz2.compress(FILES["log"]), 2, b"", b"bzip2 -dc FILE | dendro grep"),
        ("cut.gz", gzip.compress(FILES["log"])[:-30], 2, b"", b"dendro: grep: cut.gz is cut short after"),
    ]:
        pathlib.Path(name).write_bytes(packed)
        done = subprocess.run([DENDRO, "grep", "^0007", name], capture_output=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
        compare.count += 1
        if done.returncode != code or out not in done.stdout or said not in done.stderr:
            compare.differences.append(([name], (code, out, said), (done.returncode, done.stdout, done.stderr)))
        pathlib.Path(name).unlink()


def main() -> int:
    sample = int(sys.argv[2]) if len(sys.argv) > 2 else 250
    compare = Comparison()
    with tempfile.TemporaryDirectory(prefix="dendro-grep-") as top:
        os.chdir(top)
        for name, content in FILES.items():
            pathlib.Path(name).write_bytes(content)
        pathlib.Path("patterns").write_text("foo\nb.r\n")
        pathlib.Path("folder/deeper").mkdir(parents=True)
        pathlib.Path("folder/one").write_text("foo\nx\n")
        pathlib.Path("folder/deeper/two").write_text("x\nfoo\n")
        all_cases(compare, sample)
        special_cases(compare)
        packed_cases(compare)
    for arguments, theirs, ours in compare.differences[:40]:
        print(f"grep {arguments}\n  grep:   {theirs[0]} {theirs[1]!r:.300}\n  dendro: {ours[0]} {ours[1]!r:.300}")
    print(f"{compare.count} comparisons, {len(compare.differences)} differences")
    return 1 if compare.differences else 0


if __name__ == "__main__":
    sys.exit(main())
