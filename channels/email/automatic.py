"""Whose words a mail is: a person's, a machine's answer, a bounce, a complaint, or bulk.

By RFC 3834, 3464, 5965, 8098 and 2919, then by what mail systems write in practice. A
person who forwards a bounce or asks about automatic replies stays a person: subjects only
count at their very start, and never after a reply prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import Message
from typing import NamedTuple

from channels.email.headers import every, first, parameter, text
from channels.email.token import untagged
from contact.messages import Nature

NO_ANSWER = "no_automatic_answer"
"""Name of the fact that holds why no automatic answer may go to a mail, even a person's."""


class Verdict(NamedTuple):
    """`reason` is the header or rule that decided, for the person who wonders."""

    nature: Nature
    reason: str


_REPLY_PREFIX = re.compile(
    r"\s*(?:re|fwd?|aw|wg|sv|vs|antw|tr|rv|res|enc|odp|ynt|ilt|vá|vl|회신|답장|전달|답변|回复|转发|返信|"
    r"転送)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]|"
    r"\s*\[(?:회신|전달|답장|답변)\]",
    re.I,
)
_AUTO_SUBJECT = re.compile(
    r"\s*(?:\[?(?:auto(?:matic|mated|[- ]?)?[\s-]*(?:reply|response|antwort)|auto[: ]|"
    r"out[\s-]of[\s-](?:the[\s-])?office|ooo|away from (?:my|the) (?:mail|office)"
    r"|vacation (?:reply|response|notice)|automatische? (?:antwort|antwoord)|automatisch antwoord|"
    r"abwesenheits(?:notiz|notice|meldung)|abwesend|"
    r"réponse automatique|absence du bureau|respuesta automática|fuera de la oficina|resposta automática|"
    r"risposta automatica|fuori sede|automati(?:sk|skt) (?:svar|antwort)|autosvar|frånvaro\w*|"
    r"automaattinen vastaus|poissa|"
    r"odpowiedź automatyczna|automatická odpov[eě]ď|automatikus válasz|răspuns automat|"
    r"автоматический ответ|автоответ|"
    r"автоматична відповідь|αυτ[οό]ματη απ[αά]ντηση|otomati̇?k yan[iı]t|"
    r"自动回复|自動回覆|自動返信|自動応答|不在(?:通知|中)|رد تلقائي|"
    r"자동\s*(?:회신|응답|답장|답변)|부재\s*중(?:\s*(?:자동)?\s*(?:알림|메시지|회신|응답))?|"
    r"휴가\s*중\s*자동\s*(?:회신|응답))\]?\s*(?:[:：\-–\]]|$)"
    r"|(?:on vacation|out of (?:the )?office|i am away|휴가 중|부재 중)\s+(?:until|from|till|through|\d).*)",
    re.I,
)
_BOUNCE_SUBJECT = re.compile(
    r"\s*\W{0,3}(?:undeliver(?:able|ed)|(?:mail|message|email)?\s*deliver(?:y|"
    r"ing)\s*(?:\S+\s+){0,3}(?:status|fail\w*|problem|error|report|notification|has failed)|"
    r"(?:mail|message)\s+(?:delivery|system|status|could not|not delivered|undeliver\w*|delayed|returned)|"
    r"returned (?:mail|e-?mail|message|to sender)|"
    r"failure notice|failed (?:mail|delivery|to deliver)|delivery (?:status|failure|delayed|has failed|"
    r"unsuccessful|report|notification)|non[- ]?deliver\w*|"
    r"non recapitable|unzustellbar|nicht zustellbar|no se puede entregar|onbestelbaar|non remis|mancato recapito|"
    r"não é possível entregar|не удается доставить|nelze doručit|niedostarczaln\w*|kan ikke leveres|"
    r"går inte att leverera|"
    r"メールエラー|エラー通知|配信不能|配信できません|未傳遞|无法(?:递送|投递)|退信|系统退信|"
    r"(?:메일|메시지|이메일)?\s*(?:전송|배달|발송|전달)(?:되지\s*(?:않음|못함)|\s*실패|할 수 없음|\s*불가)|"
    r"반송(?:된)?\s*(?:메일|편지)|"
    r"warning:? (?:could not|message)|your message (?:couldn't|could not|wasn't)|user unknown|mail error|"
    r"bounce|there was an error sending|permanent (?:delivery )?(?:error|failure)|rejected|unable to deliver|"
    r"(?:e-?mail|"
    r"mail) (?:could|can)\s*not be|error (?:sending|in)|"
    r"notification d'état de remise|informe de no entrega|mail could not be delivered|delivery notification)",
    re.I,
)
_BOUNCE_BODY = re.compile(
    r"mailer[- ]daemon|could(?:n't| not)\s+be\s+(?:delivered|sent)|undeliver(?:able|ed)|"
    r"delivery\s+(?:to\s+(?:the\s+)?following|failed|has\s+failed|status|error)|"
    r"permanent(?:ly)?\s+(?:fatal\s+)?(?:error|failure|failed)|user\s+(?:unknown|not\s+found|"
    r"doesn'?t\s+exist)|no\s+such\s+(?:user|recipient|mailbox|address)|"
    r"mailbox\s+(?:is\s+)?(?:full|unavailable|not\s+found|exceeded|does)|(?:over|exceed\w*|"
    r"out\s+of)\s+(?:\w+\s+){0,4}(?:quota|storage)|"
    r"recipient(?:'s)?\s+(?:address\s+)?(?:rejected|unknown|not\s+found)|address(?:es)?\s+(?:rejected|"
    r"had\s+(?:permanent|delivery)|not\s+found|couldn't)|"
    r"(?:host|domain)\s+(?:name\s+)?(?:unknown|not\s+found)|unable\s+to\s+(?:deliver|relay)|"
    r"not\s+(?:be\s+)?deliver(?:ed|able)|returned\s+(?:mail|to\s+(?:the\s+)?sender|message)|"
    r"(?:didn't|did\s+not|wasn't|was\s+not|cannot\s+be|can't\s+be|failed\s+to|"
    r"has\s+not\s+been)\s+(?:reach|deliver|accepted|sent)\w*|message\s+(?:rejected|refused|blocked|"
    r"bounced)|"
    r"retry\s+(?:timeout|time)|still\s+being\s+retried|transcript\s+of\s+session|\b5\d\d[ -]#?5\.\d\.\d|"
    r"\bSMTP\b.{0,80}\b[45]\d\d\b|status:\s*[45]\.\d|\b55[0-4][ -]|"
    r"unknown\s+(?:user|recipient|address)|account\s+(?:is\s+)?(?:disabled|inactive|suspended|does\s+not|"
    r"not)|does\s+not\s+exist|配信|送信できません|メールボックスが|无法发送|无法投递|投递失败|退信|존재하지\s*않는|전송(?:하지|되지)\s*못|"
    r"automatically\s+rejected|not\s+our\s+customer|invalid\s+(?:recipient|address|user|mailbox)|bounced",
    re.I,
)
_DAEMON = re.compile(
    r"(?:mailer-?daemon|mail-?daemon|mail-?delivery\S*|postmaster|mdaemon|mailsystem|mail-?admin\w*|"
    r"no-?reply-?bounce\S*|bounces?|"
    r"mailerdaemon|mail|mta|smtp\S*|failure|delivery\S*|mail_?delivery\S*|internet-?mail|nondelivery|"
    r"administrator|notification)(?:[+.=-].*)?@?.*",
    re.I,
)
_DAEMON_NAME = re.compile(
    r"mail\s*(?:delivery|administrator|system|er)|postmaster|delivery\s+(?:sub)?system|mailer|"
    r"mail\s+router",
    re.I,
)
_ROLE = re.compile(
    r"(?:(?:no|not?|donot|do-not|don-?t)[-_.]?reply\S*|mailer-?daemon|postmaster|(?:double-)?bounces?|"
    r"owner-.*|.*-(?:owner|request|errors|bounces?|relay|confirm|admin)|"
    r"errors?|majordomo|listserv|listproc|root|daemon|nobody|www(?:-data|run)?|apache|uucp|"
    r"news(?:letters?)?|info-?noreply|notifications?|alerts?|automailer|auto-?reply|"
    r"vacation|cron|system|noreply\S*)(?:\+.*)?",
    re.I,
)
_DMARC_SUBJECT = re.compile(r"\s*(?:\[[^\]]*DMARC[^\]]*report|report domain:.*submitter:|dmarc \S+ report)", re.I)
_REJECTED = re.compile(r"(?:automatically )?rejected", re.I)
_AUTO_HEADERS = (
    "X-Autoreply",
    "X-Auto-Reply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-AutoReply-From",
    "X-Mail-Autoreply",
    "X-Auto-Reply-From",
    "X-Autogenerated",
    "X-FC-MachineGenerated",
)


def nature(message: Message, body: str, envelope_sender: str | None) -> Verdict:
    """Whose words this is. `envelope_sender` is None when the transport did not say (IMAP, upload)."""
    return (
        _report(message, body)
        or _bounce(message, body, envelope_sender)
        or _automatic(message, envelope_sender)
        or _bulk(message)
        or Verdict(Nature.HUMAN, "")
    )


def no_answer(message: Message, senders: Iterable[str], own: set[str]) -> str:
    """Why no automatic answer may go back although a person wrote; "" when one may (RFC 3834 section 2).

    `senders` are the author and the envelope sender: an answer would go to either.
    """
    for sender in filter(None, senders):
        if _ROLE.fullmatch(sender.rpartition("@")[0]):
            return f"sender {sender} is a role address"
        if untagged(sender) in own:
            return "sender is our own address"
    suppress = {word.strip().lower() for word in first(message, "x-auto-response-suppress").split(",")}
    if suppress & {"all", "oof", "autoreply"}:
        return "X-Auto-Response-Suppress"
    if every(message, "x-loop") or every(message, "x-noreply"):
        return "X-Loop"
    return ""


def _report(message: Message, body: str) -> Verdict | None:
    """RFC 6522 reports name themselves."""
    kinds = {part.get_content_type() for part in _parts(message)}
    report = parameter(message, "report-type").lower()
    if _DMARC_SUBJECT.match(text(first(message, "subject"))):
        return Verdict(Nature.BULK, "DMARC report")
    if report == "feedback-report" or "message/feedback-report" in kinds:
        kind = feedback_type(message)
        if kind in ("auth-failure", "dmarc"):
            return Verdict(Nature.BULK, f"Feedback-Type: {kind}")
        return Verdict(Nature.COMPLAINT, f"Feedback-Type: {kind or 'unnamed'}")
    if "message/delivery-status" in kinds or "message/global-delivery-status" in kinds or report == "delivery-status":
        return Verdict(Nature.BOUNCE, "message/delivery-status")
    if report == "disposition-notification" or "message/disposition-notification" in kinds:
        if _BOUNCE_BODY.search(body[:6000]) and _REJECTED.match(text(first(message, "subject"))):
            return Verdict(Nature.BOUNCE, "disposition notification of a rejected mail")
        return Verdict(Nature.AUTO_REPLY, "disposition notification")
    return None


def feedback_type(message: Message) -> str:
    """The Feedback-Type of an abuse report (RFC 5965)."""
    for part in _parts(message):
        if part.get_content_type() == "message/feedback-report":
            raw = part.get_payload()
            inner = raw[0] if isinstance(raw, list) and raw else None
            if isinstance(inner, Message):
                found = first(inner, "feedback-type") or re.sub(
                    r"(?is).*feedback-type:\s*(\S+).*", r"\1", str(inner.get_payload())
                )
                return found.strip().lower()[:40]
    return ""


def _bounce(message: Message, body: str, envelope_sender: str | None) -> Verdict | None:
    """Free-form bounces: who says it, what it is called, what it says. Two of three."""
    subject = text(first(message, "subject"))
    if _REPLY_PREFIX.match(subject):
        return None
    if every(message, "x-failed-recipients"):
        return Verdict(Nature.BOUNCE, "X-Failed-Recipients")
    sender = (text(first(message, "from")) or text(first(message, "sender")))[:500]
    daemon = bool(_DAEMON.match(re.sub(r".*<|>.*", "", sender)) or _DAEMON_NAME.search(sender))
    null = envelope_sender == "" or any(value.strip() == "<>" for value in every(message, "return-path"))
    titled = bool(_BOUNCE_SUBJECT.match(subject))
    if not (daemon or null or titled):  # words alone are no bounce, and a search for them is half of the parsing
        return None
    told = bool(_BOUNCE_BODY.search(body[:6000]))
    replied = first(message, "auto-submitted").strip().lower().startswith("auto-replied") or _AUTO_SUBJECT.match(
        subject
    )
    if replied and not titled:
        return None
    if daemon and (titled or told):
        return Verdict(Nature.BOUNCE, "mail system's sender and words")
    if titled and (null or told):
        return Verdict(Nature.BOUNCE, "bounce subject and words")
    if null and told and not _answer_to_person(message):
        return Verdict(Nature.BOUNCE, "null sender and bounce words")
    return None


def _answer_to_person(message: Message) -> bool:
    return bool(every(message, "in-reply-to")) and not _DAEMON_NAME.search(text(first(message, "from")))


def _automatic(message: Message, envelope_sender: str | None) -> Verdict | None:
    submitted = first(message, "auto-submitted").partition(";")[0].strip().lower()
    if submitted.startswith("auto-replied"):
        return Verdict(Nature.AUTO_REPLY, f"Auto-Submitted: {submitted}")
    for header in _AUTO_HEADERS:
        value = first(message, header).strip().lower()
        if value and value not in ("no", "false"):
            return Verdict(Nature.AUTO_REPLY, f"{header}: {value[:60]}")
    precedence = first(message, "precedence").strip().lower()
    if precedence in ("auto_reply", "auto-reply"):
        return Verdict(Nature.AUTO_REPLY, f"Precedence: {precedence}")
    subject = text(first(message, "subject"))
    if _AUTO_SUBJECT.match(subject.lower().replace("i̇", "i")) and not _REPLY_PREFIX.match(subject):
        return Verdict(Nature.AUTO_REPLY, f"Subject: {subject[:60]}")
    if submitted and submitted != "no":
        return Verdict(Nature.BULK, f"Auto-Submitted: {submitted[:60]}")
    if envelope_sender == "" or any(value.strip() == "<>" for value in every(message, "return-path")):
        return Verdict(Nature.AUTO_REPLY, "null return path")
    return None


def _bulk(message: Message) -> Verdict | None:
    precedence = first(message, "precedence").strip().lower()
    if precedence in ("bulk", "junk", "list"):
        return Verdict(Nature.BULK, f"Precedence: {precedence}")
    for header in ("List-Id", "List-Post", "List-Unsubscribe", "Mailing-List"):
        if every(message, header):
            return Verdict(Nature.BULK, header)
    return None


def _parts(message: Message) -> list[Message]:
    """The parts of a report itself, not those of mails attached to it."""
    below = message.get_payload()
    if not isinstance(below, list) or not message.get_content_type().startswith("multipart/"):
        return [message]
    return [message, *(child for child in below if isinstance(child, Message))]
