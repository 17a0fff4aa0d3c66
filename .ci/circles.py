#!/usr/bin/env python3
"""Fails if the files or the top-level modules of a crate depend on each other in a circle, or if one imports another
that its Cargo.toml does not allow under [package.metadata.imports].

    .ci/circles.py crates/gumbel crates/gumbel-kernels

An arrow is a path in code (`use`, or in line) to an item of another file. Re-exports are followed to the file that
defines the item and are no arrows themselves; tests, comments and documentation do not count.
"""
import re
import sys
import tomllib
from pathlib import Path

NAME = r"[A-Za-z_][A-Za-z0-9_]*"


def code(text):
    """The text without comments, strings and test modules."""
    text = re.sub(r'//[^\n]*|/\*.*?\*/|r#".*?"#|"(?:\\.|[^"\\])*"|pub\(in [^)]*\)', "", text, flags=re.S)
    while match := re.search(r"#\[cfg\(test\)\]\s*(pub(?:\([^)]*\))? )?mod \w+ *([{;])", text):
        end = match.end()
        depth = match.group(2) == "{"
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: match.start()] + text[end:]
    return text


def paths(tree, head=()):
    """The paths of a `use` tree as (segments, the name that it brings)."""
    tree = tree.strip()
    if "{" in tree:
        prefix, rest = tree.split("{", 1)
        head = head + tuple(part for part in prefix.strip().split("::") if part)
        depth, start, rest = 0, 0, rest.rsplit("}", 1)[0] + ","
        for at, letter in enumerate(rest):
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if letter == "," and depth == 0:
                if rest[start:at].strip():
                    yield from paths(rest[start:at], head)
                start = at + 1
        return
    tree, _, alias = tree.partition(" as ")
    segments = head + tuple(tree.strip().split("::"))
    segments = segments[:-1] if segments[-1] == "self" else segments
    yield segments, (alias.strip() or segments[-1])


class Crate:
    def __init__(self, root):
        self.files, self.text = {}, {}  # both by module path
        for file in sorted((root / "src").rglob("*.rs")):
            parts = file.relative_to(root / "src").with_suffix("").parts
            if parts[-1] == "tests":
                continue
            module = parts[:-1] if parts[-1] in ("lib", "mod", "main") else parts
            self.files[module], self.text[module] = file, code(file.read_text())
        self.uses = {module: list(self.imports(module)) for module in self.files}

    def imports(self, module):
        for public, tree in re.findall(r"\b(pub(?:\([^)]*\))? +)?use +([^;]+);", self.text[module]):
            for segments, name in paths(tree):
                yield bool(public), segments, name

    def defining(self, module, segments, depth=0):
        """The module whose file defines what a path, read in `module`, names; None if it is of another crate."""
        at = module
        for place, part in enumerate(segments):
            if part == "crate":
                at = ()
            elif part == "self":
                continue
            elif part == "super":
                at = at[:-1]
            elif at + (part,) in self.files:
                at = at + (part,)
            else:
                for _, target, name in self.uses[at] if depth < 8 else ():
                    if name == part and (at != module or depth):
                        return self.defining(at, target, depth + 1)
                return at if place else None
        return at

    def arrows(self):
        for module, text in self.text.items():
            body = re.sub(r"\buse +[^;]+;", "", text)
            inline = re.findall(rf"\b((?:crate|super|self)(?:::{NAME})+)", body)
            inline += [path for path in re.findall(rf"(?<![:\w])({NAME}(?:::{NAME})+)", body)
                       if module + (path.split("::")[0],) in self.files]
            found = [path for public, path, _ in self.uses[module] if not public]
            for path in found + [tuple(path.split("::")) for path in inline]:
                target = self.defining(module, path)
                if target is not None and target != module:
                    yield module, target


def circles(arrows):
    """Sets of nodes that reach each other, by Tarjan's algorithm in its plainest form: reachability both ways."""
    reach = {}
    for start in {node for arrow in arrows for node in arrow}:
        seen, todo = set(), [start]
        while todo:
            for left, right in arrows:
                if left == todo[-1] and right not in seen:
                    seen.add(right)
                    todo.insert(0, right)
            todo.pop()
        reach[start] = seen
    return {frozenset(b for b in reach if b in reach[a] and a in reach[b]) for a in reach if a in reach[a]}


def forbidden(root, rooms):
    """Imports between top-level modules that the crate's Cargo.toml does not allow."""
    manifest = tomllib.loads((root / "Cargo.toml").read_text())
    allowed = manifest["package"].get("metadata", {}).get("imports", {})
    for (left, *_), (right, *_) in ((a, b) for a, b in rooms if a and b):
        if left in allowed and right not in allowed[left]:
            yield f"{root}: {left} imports {right}; allowed: {', '.join(allowed[left]) or 'nothing'}"


def main():
    failed = False
    for root in map(Path, sys.argv[1:]):
        crate = Crate(root)
        arrows = set(crate.arrows())
        rooms = {(a[:1], b[:1]) for a, b in arrows if a[:1] != b[:1]}
        for line in sorted(forbidden(root, rooms)):
            failed = True
            print(line)
        for kind, graph in (("files", arrows), ("top-level modules", rooms)):
            for circle in circles(graph):
                failed = True
                print(f"{root}: a circle of {len(circle)} {kind}:")
                for a, b in sorted(graph):
                    if a in circle and b in circle:
                        print(f"    {'::'.join(a) or 'lib'} -> {'::'.join(b) or 'lib'}")
    if not failed:
        print("no circles")
    sys.exit(failed)


if __name__ == "__main__":
    main()
