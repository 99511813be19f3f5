"""People who sign in, to work here or as partners: who they are, how they sign in, what they did.

user.py       User, Role, Preferences; find, create, change
passwords.py  argon2id, and what is not accepted
totp.py       one-time codes and recovery codes
sessions.py   signed-in browsers, and how they end
links.py      invitation and reset links
policy.py     what is asked of a role
audit.py      who did what, append-only
first.py      the first administrator
"""

from contact.users import audit, links, passwords, policy, sessions, totp
from contact.users.first import first_admin
from contact.users.sessions import UserSession, revoked_since, user_of_cookie
from contact.users.user import (
    HERE,
    LANGUAGES,
    THEMES,
    LastAdmin,
    NoSuchUser,
    Preferences,
    Role,
    Taken,
    User,
    by_login,
    create,
    deactivate,
    everybody,
    forget,
    get,
    named,
    prefer,
    reactivate,
    set_role,
    staff,
    update,
    working,
)

__all__ = [
    "HERE",
    "LANGUAGES",
    "THEMES",
    "LastAdmin",
    "NoSuchUser",
    "Preferences",
    "Role",
    "Taken",
    "User",
    "UserSession",
    "audit",
    "by_login",
    "create",
    "deactivate",
    "everybody",
    "first_admin",
    "forget",
    "get",
    "links",
    "named",
    "passwords",
    "policy",
    "prefer",
    "reactivate",
    "revoked_since",
    "sessions",
    "set_role",
    "staff",
    "totp",
    "update",
    "user_of_cookie",
    "working",
]
