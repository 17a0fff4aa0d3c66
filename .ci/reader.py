#!/usr/bin/env python3
"""A reader's check of documentation: lists public items that do not say what they must.

    .ci/reader.py target/doc/gumbel.json ..

The input is what rustdoc writes with `--output-format json`. Every item is documented. Functions and types have an
example with a number in it; what takes or returns a tensor or a slice says its shape; what returns a `Result` has a
section on errors.
"""
import json
import re
import sys


def mentions(kind, node):
    """Whether a type mentions another, by the name of either its path or its kind."""
    if isinstance(node, dict):
        path = node.get("path")
        if isinstance(path, str) and path.split("::")[-1] == kind:
            return True
        return kind in node or any(mentions(kind, value) for value in node.values())
    return isinstance(node, list) and any(mentions(kind, value) for value in node)


def numbers(node):
    """Whether a type mentions a slice of numbers."""
    if isinstance(node, dict):
        element = node.get("slice")
        if isinstance(element, dict) and ("primitive" in element or "generic" in element):
            return True
        return any(numbers(value) for value in node.values())
    return isinstance(node, list) and any(numbers(value) for value in node)


def example(docs):
    """Whether there is a block of Rust with a number in it."""
    blocks = re.findall(r"^```([^\n`]*)\n(.*?)^```", docs, flags=re.S | re.M)
    return any("text" not in head and re.search(r"\d", body) for head, body in blocks)


def shaped(docs):
    return re.search(r"# Shapes|`\[|\[\.\.|[Ee]lementwise", docs) is not None


def faults(item, kind, docs, context, method):
    docs = re.sub(r"^\[[^\]]+\]: .*\n", "", docs, flags=re.M)  # definitions of links
    if not docs.strip():
        yield "no documentation"
        return
    first = docs.strip().split("\n\n")[0]
    if len(first) > 330:
        yield "a first paragraph of more than 330 letters"
    if kind in ("struct", "enum", "trait", "function") and not method and not example(docs):
        yield "no example with a number"
    if kind == "function":
        signature = item["inner"]["function"]["sig"]
        if mentions("Result", signature["output"]) and "# Errors" not in docs:
            yield "no section on errors"
        arrays = mentions("Tensor", signature) or numbers(signature)
        if arrays and not shaped(docs + context):
            yield "no shapes"


def walk(index, identity, path, context, method, found, seen):
    item = index.get(str(identity))
    if item is None or (identity, path) in seen or item["visibility"] not in ("public", "default"):
        return
    seen.add((identity, path))
    ((kind, inner),) = item["inner"].items()
    docs, name = item["docs"] or "", item["name"] or ""
    if kind == "use":
        if inner["id"] is not None:
            walk(index, inner["id"], path, context, False, found, seen)
        return
    if kind == "impl":
        if inner["trait"] is None and not inner["is_synthetic"]:
            for child in inner["items"]:
                walk(index, child, path, context, True, found, seen)
        return
    here = f"{path}::{name}" if path else name
    if kind in ("module", "struct", "enum", "trait", "function", "variant", "struct_field", "constant", "static"):
        file, line = item["span"]["filename"], item["span"]["begin"][0]
        for fault in faults(item, kind, docs, context, method):
            found[f"{file}:{line} {here}"] = fault
    children = []
    if kind == "module":
        children = [(child, False) for child in inner["items"]]
    elif kind == "trait":
        children = [(child, True) for child in inner["items"]]
    elif kind == "enum":
        children = [(child, True) for child in inner["variants"] + inner["impls"]]
    elif kind == "struct":
        fields = inner["kind"].get("plain", {}).get("fields", []) if isinstance(inner["kind"], dict) else []
        children = [(child, True) for child in fields + inner["impls"]]
    for child, is_method in children:
        walk(index, child, here, docs if is_method else "", is_method, found, seen)


def main():
    found = {}
    for file in sys.argv[1:]:
        crate = json.load(open(file))
        walk(crate["index"], crate["root"], "", "", False, found, set())
    for place, fault in sorted(found.items()):
        print(f"{place}: {fault}")
    print(f"{len(found)} items to mend" if found else "every public item says what it must")
    sys.exit(bool(found))


main()
