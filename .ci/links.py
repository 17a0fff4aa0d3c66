#!/usr/bin/env python3
"""Every link of a README to docs.rs is a page that `cargo doc` has made."""

import os
import pathlib
import re
import sys

made = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "doc"
link = re.compile(r"https://docs\.rs/([\w-]+)/latest/(\w+)(/[\w./-]*)?")
count = 0
for readme in [pathlib.Path("README.md"), *pathlib.Path("crates").glob("*/README.md")]:
    for found in link.finditer(readme.read_text()):
        count += 1
        page = made / found[2] / (found[3] or "/index.html").lstrip("/")
        if not page.is_file():
            sys.exit(f"{readme}: {found[0]} is not a page of the documentation: {page} is missing")
print(f"{count} links lead to pages")
