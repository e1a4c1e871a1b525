"""The forms of clauses that are understood, as patterns over parts of speech that have to fit from end to end.

Letters: `V` verb, `s` run or scan, `E` ensure, `N` not, `A` should, `B` be, `p` participle, `t` noun, `n` noun that may also
be a place, `S` service, `G` runtime, `T` package manager, `Z` name, `X` path or pattern, `R` image reference, `F` option, `W`
proper name, `C` place in a build, `D` step of a build, `K` before or after, `I` whole request, `M` word without effect on its
noun, `H` strategy and the like, `P` preposition, `w` with, `J` and, `O` only, `x` except, `f` fall back to, `a` slim, `Q` where
possible, `q` if not needed, `U` as it is, `y` quality, `L` please and the like, `%` figure, `-` and `?` unknown.
"""

import re
from collections.abc import Mapping
from enum import Enum

MOST = 48
"""Lexemes of the longest clause that is read; no sane one has so many, and no text takes long to be turned down."""

_NOUN = r"M*(?:H+PM*)?(?:[nS]M*|G(?:JG)*M*|T(?:JT)*M*)?[tn]H*"
_OBJECT = rf"{_NOUN}(?:J{_NOUN})*"
_NAME = r"M*[ZX](?:J?M*[ZX])*"
_ANY_NAME = r"M*[ZXW?](?:JM*[ZXW?]|M*[ZX])*"
_PLACE = r"M*(?:[ZX]|G[SnHC]*|TC*|WH*(?:[SnC]H*)?|H*[SnC]H*|H+)"
_PLACES = rf"{_PLACE}(?:J{_PLACE}|M*[ZX])*"
_WHERE = rf"(?:OP|PO|[PO]){_PLACES}(?:O(?!P))?"
_TAIL = rf"(?:{_WHERE}|[QqU])*"
_FOR = rf"(?:P{_PLACES})*Q*"
_BASES = r"M*(?P<bases>R(?:JR)*)"
_VERB = r"(?:E?V+(?:JV+)*|E)"
_SUBJECT = r"M*(?:G(?:JG)*)?[Sn]"


class Form(Enum):
    """A way to put a request. The order is the one in which they are tried."""

    FILLER = r"[LJ]+|[JLMH]*Q+"
    IDIOM = rf"[JbL]*(?P<not>N)?I{_TAIL}"
    REQUEST = (
        rf"[JbL]*O?(?P<verb>{_VERB})(?P<object>{_OBJECT}){_TAIL}"
        rf"(?:(?P<by>[wP])(?P<with>{_OBJECT}){_TAIL}|(?P<to>P)(?P<aim>V){_OBJECT}{_TAIL})?"
    )
    NEGATED = rf"[JbL]*E?(?P<not>N)(?P<verb>V+(?:JV+)*)?(?P<object>{_OBJECT}){_TAIL}"
    SUBJECT = rf"[JbL]*(?P<duty>E)?{_SUBJECT}(?P<modal>A)?(?P<not>N)?(?P<verb>V)(?P<object>{_OBJECT}){_TAIL}"
    RUN = rf"[JbL]*E?(?P<no>N)?(?:{_SUBJECT}A?)?(?P<not>N)?(?P<verb>s)(?:M*G?[SnZX])?P(?P<object>{_OBJECT}){_TAIL}"
    RUN_OBJECT = rf"[JbL]*(?P<not>N)?(?P<verb>s)(?P<object>{_OBJECT}){_TAIL}"
    SCAN = rf"[JbL]*(?P<not>N)?(?P<verb>s)M*G?[SZX](?:J[ZX])*{_TAIL}"
    PASSIVE = rf"[JbL]*(?P<duty>E)?(?P<object>{_OBJECT}){_TAIL}(?P<modal>A)?(?P<not>N)?B?N?(?P<done>[pM])U?{_TAIL}"
    WHOLE = rf"[JbL]*(?P<verb>{_VERB})M*(?:G(?:JG)*)?(?:S|WS?|[ZX](?:J?M*[ZX])*)H*{_TAIL}"
    STANDARD = rf"[JbL]*(?P<verb>E?V)?P?{_BASES}{_FOR}"
    STANDARD_TO = rf"[JbL]*(?P<verb>E?V)(?P<what>M*(?:G(?:JG)*)?[tnSH]H*)(?:P{_PLACES})?[Pw]{_BASES}{_FOR}"
    STANDARD_OF = rf"[JbL]*(?P<duty>E)?P?M*G(?:JG)*[SnH]*(?P<modal>A)?(?P<verb>V)P?{_BASES}Q*"
    FALL_BACK = r"[JbL]*(?:f|O?V)?M*aQ*"
    MOUNT = (
        rf"[JbL]*(?P<not>N)?(?P<verb>E?V)?M*(?:(?P<object>{_NOUN})[Pw]?|(?:T(?:JT)*)?C*[Pw]?)(?P<mount>F)"
        rf"(?:[PwO](?:{_PLACE}|{_OBJECT}))*"
    )
    EXCLUDE = r"[JbL]*(?P<verb>V)M*(?P<patterns>X(?:J?X)*)[Qq]*"
    EXCLUDE_FROM = r"[JbL]*(?P<verb>V)M*(?P<patterns>[XZ](?:JM*[XZ])*)P(?P<object>M*[nS]?M*tH*)[Qq]*"
    EXCLUSIONS_FOR = r"[JbL]*(?P<verb>V)(?P<object>M*tH*)P(?P<patterns>X(?:J?X)*)[Qq]*"
    EXCEPT_OBJECT = rf"[JbL]*xP?(?P<object>{_OBJECT}){_TAIL}"
    ONLY = rf"[JbL]*(?:E|V)?OV?(?:E?V)?P?(?P<names>{_ANY_NAME})S?"
    EXCEPT = rf"[JL]*(?:b?x|b)P?(?P<names>{_ANY_NAME})S?"
    LEAVE = rf"[JbL]*E?N(?P<verb>V)P?(?P<names>{_ANY_NAME})S?[UQ]*"
    LEAVE_AS_IT_IS = rf"[JbL]*(?P<verb>V)(?P<names>{_ANY_NAME})S?U"
    ORDER = r"[JbL]*E?M*(?P<one>D)B?(?P<order>K)M*(?P<other>D)Q*"
    STEP = r"[JbL]*M*DO?Q*"
    KEEP_BASE = rf"[JbL]*(?P<verb>V){_BASES}{_TAIL}"
    PATTERNS = r"J?(?P<patterns>X(?:J?X)*)(?:P(?P<object>M*[nS]?M*tH*))?[Qq]*"
    OBJECTS = rf"[JbL]*(?P<object>{_OBJECT}){_TAIL}"
    QUALITY = r"[JbL]*M*y(?:JM*y)*"
    CONDITION = r"q+"
    WHERE = rf"J?(?:{_WHERE})(?:{_WHERE})*[QqU]*"
    NAMES = rf"J?(?P<names>{_NAME})"
    RUNTIMES = r"JM*G(?:JG)*S?H*|M*G(?:JG)*S?H*"
    FRAME = rf"[JbL]*(?:{_VERB})?(?:M*G?[SnHy])*{_TAIL}|O|[MH]+"


FORMS: Mapping[Form, "re.Pattern[str]"] = {form: re.compile(form.value) for form in Form}


def fits(tags: str) -> "dict[Form, re.Match[str]]":
    """Every form that a clause has, in the order in which they are to be tried."""
    if len(tags) > MOST:
        return {}
    return {form: match for form, pattern in FORMS.items() if (match := pattern.fullmatch(tags))}
