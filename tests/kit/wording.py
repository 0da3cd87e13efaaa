"""How findings may be told, and how not."""

import re

FORBIDDEN = re.compile(
    r"\bmatch|\bprove|\bproof|\bis fake\b|\bfakes?\b|\bdefinite|\bcertain|\bundoubted|"
    r"\bconclusive|\bidentif|\bunique|\bdoubt|\bguarantee|\bwithout question|\berror-free",
    re.IGNORECASE,
)
"""Words that a report of this field must not use of its findings."""
