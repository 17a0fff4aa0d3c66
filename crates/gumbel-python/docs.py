"""Renders the documentation to a folder, and checks that every link inside it leads somewhere.

    python docs.py FOLDER      (needs pip install pdoc, and the package with torch and JAX)
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

# With the modules that they list as public.
MODULES = ["gumbel", "gumbel.torch", "gumbel.jax"]


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere inside its folder."""
    found = []
    # Without scripts, which have templates of links.
    text = re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r'href="([^"]+)"', text):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)) if parts.path else page
        anchor = unquote(parts.fragment)
        if not target.is_file() or (anchor and f'id="{anchor}"' not in target.read_text()):
            found.append(f"{page}: {link}")
    return found


def main(folder: str) -> None:
    subprocess.run([sys.executable, "-m", "pdoc", "--math", "--output-directory", folder, *MODULES], check=True)
    pages = sorted(Path(folder).rglob("*.html"))
    wrong = [link for page in pages for link in broken(page)]
    if wrong:
        sys.exit("links that lead nowhere:\n" + "\n".join(wrong))
    print(f"{len(pages)} pages in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
