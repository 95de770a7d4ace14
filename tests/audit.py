"""Look the installed packages up among known weaknesses: ``python -m tests.audit``, which ``make audit`` runs.

pip-audit asks the package index. Where it cannot be reached, or does not know the packages, that is said and is no
failure: nothing was found out. The exit status is 1 if a package has a known weakness.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def main() -> int:
    """Audit this environment."""
    words = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json"]
    try:
        ended = subprocess.run(
            [*words, "--progress-spinner", "off", "--timeout", "10"], capture_output=True, check=False, timeout=600
        )
        packages = json.loads(ended.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("audit: the service that knows weaknesses was not reached; nothing was audited")
        return 0
    return judge(packages)


def judge(packages: list[dict[str, Any]]) -> int:
    """Print what pip-audit says of packages; 1 if one has a known weakness."""
    known = [package for package in packages if "skip_reason" not in package]
    weak = [(package, weakness) for package in known for weakness in package["vulns"]]
    for package, weakness in weak:
        better = ", ".join(weakness["fix_versions"]) or "none yet"
        print(f"{package['name']} {package['version']}: {weakness['id']}, mended in {better}")
    print(f"audit: {len(known)} of {len(packages)} packages were looked up, {len(weak)} known weaknesses")
    return int(bool(weak))


if __name__ == "__main__":
    sys.exit(main())
