"""Why a mail came back: whether the address itself is dead, or something that may pass or is ours to mend.

Only a dead address (`Fault.ADDRESS_INVALID`) is hard: nobody lives there, the domain does not exist or takes
no mail, or its owner moved. A full mailbox, a refusal of what we wrote or who we are, and a server that
did not answer say nothing about the address. The words count before the code: many servers say
`5.1.1` or `5.0.0` whatever happened (RFC 3463; what they write in practice).
"""

from __future__ import annotations

import re

from contact.messages import Fault, Who

Cause = tuple[Fault, Who]

DEAD: Cause = (Fault.ADDRESS_INVALID, Who.CONTACT)
_FULL: Cause = (Fault.QUOTA, Who.CONTACT)
_SHUT: Cause = (Fault.ADDRESS_UNREACHABLE, Who.CONTACT)
_AWAY: Cause = (Fault.ADDRESS_UNREACHABLE, Who.PROVIDER)
_LATE: Cause = (Fault.TIMEOUT, Who.PROVIDER)
_LARGE: Cause = (Fault.TOO_LONG, Who.US)
_REFUSED: Cause = (Fault.CONTENT_REJECTED, Who.US)
_WHO_WE_ARE: Cause = (Fault.AUTH, Who.US)
_FAST: Cause = (Fault.RATE_LIMITED, Who.US)
_THEIRS: Cause = (Fault.OTHER, Who.PROVIDER)

_CERTAIN = re.compile(
    r"recipient address rejected: access denied|(?<!sender )address rejected\.?$|account or domain may not exist|"
    r"doesn't have a \S+ account|domain does not exist|host \S* ?not found|invalid final delivery userid|"
    r"domain is not reachable", re.I
)  # fmt: skip
"""Exchange Online, IronPort, Exim, Yahoo, OpenSMTPD and others: nothing else is meant, whatever the code."""
_WORDS: tuple[tuple[str, Cause], ...] = (
    (r"procmail|command died|couldn't create|mailer error|pipe|exit(?:ed)? (?:status|with)|\.forward", _AWAY),
    (r"quota|mailbox[^.\n]{0,40}\b(?:is )?full|(?:mail)?box (?:is )?full|over ?quota|"
     r"insufficient (?:system )?(?:disk )?"
     r"storage|out of storage|not enough (?:storage|disk)|exceed\w* (?:the |his |her |their |its )?(?:storage|mailbox|"
     r"space|disk)|mailfolder is full|full mailbox|storage (?:full|limit)|too many messages on this|"
     r"メールボックスが一杯|容量|가득|용량", _FULL),
    (r"message (?:size|too (?:large|big))|too (?:large|big)\b|size limit|exceeds?[^.\n]{0,30}size|"
     r"size[^.\n]{0,20}exceeds?",
     _LARGE),
    (r"\bdkim|\bspf\b|\bdmarc|authentication (?:required|failed|failure)|not authenticated|"
     r"reverse (?:dns|lookup|hostname)|\bptr\b|unresolvable (?:reverse|hostname)|rdns|"
     r"fix reverse|cannot find your (?:reverse )?hostname|relay(?:ing)? (?:access )?(?:denied|not (?:allowed|"
     r"permitted))|"
     r"unable to relay|no relaying|not a gateway|sender (?:address )?(?:rejected|denied)|domain of sender|"
     r"sender domain|tls (?:is )?required|starttls", _WHO_WE_ARE),
    (r"rate limit|too many (?:connections|messages|recipients|errors|concurrent)|throttl|sending (?:rate|limit)|"
     r"exceeded the (?:rate|max)|try again later.{0,40}rate|unusual rate", _FAST),
    (r"\bspam\b|spam(?:my|ming|haus|cop)|blacklist|black list|block(?:ed|list)|blocked using|\brbl\b|dnsbl|reputation|"
     r"\bpolicy\b|polic(?:y|ies) (?:reasons|violation)|content (?:rejected|filter)|virus|unsolicited|banned|"
     r"not authorized|access denied|prohibited|refused (?:due|by|for)|security|bad (?:header|sender)|"
     r"rejected by (?:the )?(?:domain )?filter|delivery not (?:authorized|allowed)|restricted|permission|"
     r"denied by|message (?:was )?(?:rejected|refused|blocked)|rejected for|not compliant|rfc ?(?:2821|2822|5321|"
     r"5322)\b", _REFUSED),
    (r"account (?:is |has been )?(?:temporarily )?(?:suspended|disabled|inactive|locked|closed)|(?:suspended|disabled|"
     r"inactive|deactivated|dormant|expired|locked) (?:user|account|mailbox|recipient|address)|"
     r"(?:user|mailbox|recipient|address|account)[^.\n]{0,20}\b(?:suspended|disabled|inactive|deactivated|locked)|휴면",
     _SHUT),
    (r"user(?: is)? unknown|unknown (?:user|recipient|account|address|local|mailbox)|no such (?:user|recipient|mailbox|"
     r"address|person|account|domain|host)|(?:user|mailbox|recipient|address|account|host|domain|"
     r"이메일 ?주소)[^.\n]{0,60}"
     r"(?:does ?n[o']t|does not|not|didn't) (?:\w+ )?(?:exist|found|valid|known|listed)|invalid (?:recipient|user|"
     r"mailbox|address)|"
     r"(?:recipient|address|mailbox|user)[^.\n]{0,30}not found|"
     r"not found|no (?:mailbox|account|user) (?:here|by that|with|found)|not a (?:known|valid) (?:user|recipient|"
     r"mailbox)|"
     r"not (?:a )?known (?:user|to)|not our customer|no longer (?:here|valid|available|with|works|exists|in use)|"
     r"has (?:moved|left)|mailbox unavailable|recipient (?:address )?rejected$|bad destination|"
     r"not listed in|wrong (?:e-?mail )?address|address(?:ee)? unknown|no valid recipient|undeliverable address|"
     r"not accepting (?:network )?(?:messages|mail)|does not accept (?:mail|e-?mail)|(?:domain|host) (?:name )?"
     r"(?:unknown|not found)|unknown (?:host|domain)|nullmx|null mx|nxdomain|host or domain name not found|"
     r"unrouteable|unrouteable|name (?:service|server)[^.\n]{0,30}(?:not found|unknown)|couldn'?t find any host|"
     r"no mx|not exist|존재하지 ?않는|없는 (?:사용자|계정|주소|수신)|見つかりません|存在しません", DEAD),
    (r"expired|timed? ?out|too long|retry time|in queue|could not be delivered for|not been? (?:able to )?(?:deliver|"
     r"collected)|giving up|still being retried|배달 지연|max(?:imum)? (?:retries|time)", _LATE),
    (r"connection (?:refused|reset|lost|timed)|no route|network|refused to talk|unreachable|host (?:is )?down|"
     r"could not connect|can'?t connect|temporar|deferred|loop|too many hops|service (?:not )?(?:un)?available|"
     r"system (?:error|problem|resources)|local (?:error|problem)|mailer error|internal (?:system )?error", _AWAY),
    (r"rejected|refused|denied", _REFUSED),
)  # fmt: skip
_CODES: tuple[tuple[str, Cause], ...] = (
    (r"5\.1\.(?:[12346]|10)", DEAD),
    (r"[45]\.1\.[78]", _WHO_WE_ARE),
    (r"[45]\.2\.1", _SHUT),
    (r"[45]\.2\.2", _FULL),
    (r"[45]\.2\.3|[45]\.3\.4", _LARGE),
    (r"5\.3\.2", DEAD),
    (r"[45]\.4\.7", _LATE),
    (r"5\.4\.4", DEAD),
    (r"[45]\.[34]\.\d+", _AWAY),
    (r"[45]\.6\.\d+", _REFUSED),
    (r"[45]\.7\.(?:2[0-9]|[89])", _WHO_WE_ARE),
    (r"[45]\.7\.\d+", _REFUSED),
)
_READY = tuple((re.compile(words, re.I), cause) for words, cause in _WORDS)


def cause(code: str, words: str, *, stage: str = "") -> Cause:
    """Who can act and why, from an enhanced code (`5.1.1`, may be empty) and what the server said.

    `stage` is the SMTP command it said no to, where the bounce tells. A server that took the address
    and says `user unknown` to the words filters them; one that says so to the sender means ours.
    """
    flat = " ".join(words.split())
    found = next((cause for pattern, cause in _READY if pattern.search(flat)), None)
    coded = next((cause for pattern, cause in _CODES if re.fullmatch(pattern, code)), None)
    if _CERTAIN.search(flat):
        return DEAD
    if found is None:
        return coded or _THEIRS
    if found != DEAD:
        return found
    if stage == "MAIL":
        return _WHO_WE_ARE
    if code.startswith("4") and code != "4.1.1":  # it says itself that it may pass
        return _AWAY
    return _SHUT if _vague(code, stage) else found


def _vague(code: str, stage: str) -> bool:
    """Nothing but the words says that the address is dead, and they were said when the mail had been taken, or
    nobody knows when: Japanese carriers answer `user unknown` to what their customers filter."""
    if re.fullmatch(r"5\.(?:[15]\.\d+|2\.1)|4\.1\.1", code):
        return False
    return stage != "RCPT" if code in ("", "550", "5.0.0", "5.2.0", "5.7.1") else stage == "DATA"


def speaks(words: str) -> bool:
    """Whether these words say why."""
    flat = " ".join(words.split())
    return bool(_CERTAIN.search(flat)) or any(pattern.search(flat) for pattern, _ in _READY)
