"""Walks a tree again and again as create-filelist does: chdir into it, os.scandir by relative paths, lstat of each entry.

usage: walk.py ROOT ROUNDS [sums]

For each line of standard input it goes into ROOT anew and walks ROUNDS times without leaving. The answer is one line for each name,
"PATH TYPE MTIME [SHA-256]", after each walk a line "walk", at the end "end" or "error TEXT". With sums each file is read, too.
"""
import hashlib
import os
import stat
import sys

root, rounds, sums = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
TYPES = {stat.S_IFDIR: "d---------", stat.S_IFREG: "----------", stat.S_IFLNK: "L---------"}


def line(path, st):
    text = f"{path} {TYPES[stat.S_IFMT(st.st_mode)]} {int(st.st_mtime)}"
    if stat.S_ISREG(st.st_mode) and sums:
        with open(path, "rb") as f:
            text += " " + hashlib.sha256(f.read()).hexdigest()
    return text


def walk(path, out):
    with os.scandir(path) as entries:
        for e in entries:
            name = e.path[2:]  # without "./"
            if e.is_dir(follow_symlinks=False):
                walk(e.path, out)
            out.append(line(name, e.stat(follow_symlinks=False)))


for _ in sys.stdin:
    out = []
    try:
        os.chdir("/")
        os.chdir(root)
        for _ in range(rounds):
            walk(".", out)
            out.append(line(".", os.stat(".")))
            out.append("walk")
        out.append("end")
    except OSError as e:
        out = [f"error {type(e).__name__}: {e}".replace("\n", " ")]
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()
