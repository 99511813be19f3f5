"""Pages of boards that partners and those who work here share: the same routes under two addresses and two frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from board import attachment, once, scope
from board.forum import board as boards
from board.forum import comment as comments
from board.forum import doing, finding, mention, moderation, reading, report, shown, text
from board.forum import post as posts
from board.forum.board import Board
from board.forum.comment import Comment
from board.forum.finding import PAGE
from board.forum.post import Post
from board.portal.web import again, viewer
from contact.db import utcnow
from contact.desk.told import back, notice, number
from contact.errors import HanmaruError, NotFound
from contact.limits import Steady
from contact.web import here
from contact.web.forms import refused, told
from contact.web.security import guarding, me

POSTING: Final = Steady("board.post", burst=10, every=20.0)
COMMENTING: Final = Steady("board.comment", burst=20, every=5.0)
REPORTING: Final = Steady("board.report", burst=10, every=30.0)
LOOKING: Final = Steady("board.search", burst=30, every=1.0)
FOLLOWS: Final = {"follow": True, "mute": False, "neither": None}
WHAT = "<any(follow, mute, neither):what>"
FRAMES: Final = {"board_forum": "board/portal.html", "forum": "desk/side.html"}


def routes(pages: Blueprint) -> None:
    """Add them to a blueprint of either side."""
    on = pages.add_url_rule
    on("", view_func=index)
    on("/search", view_func=search)
    on("/read", view_func=read_all, methods=["POST"])
    on("/<int:board_id>", view_func=board)
    on("/<int:board_id>/read", view_func=read_board, methods=["POST"])
    on(f"/<int:board_id>/{WHAT}", view_func=follow_board, methods=["POST"])
    on("/<int:board_id>/new", view_func=new, methods=["GET", "POST"])
    on("/<int:board_id>/people", view_func=people)
    on("/<int:board_id>/posts/<int:post_id>", view_func=one)
    on("/<int:board_id>/posts/<int:post_id>/comments", view_func=comment, methods=["POST"])
    on(f"/posts/<int:post_id>/{WHAT}", view_func=follow, methods=["POST"])
    on("/posts/<int:post_id>/edit", view_func=edit_post, methods=["GET", "POST"])
    on("/posts/<int:post_id>/<any(remove, report):what>", view_func=act_on_post, methods=["POST"])
    on("/comments/<int:comment_id>/edit", view_func=edit_comment, methods=["GET", "POST"])
    on("/comments/<int:comment_id>/<any(remove, report):what>", view_func=act_on_comment, methods=["POST"])


def at(name: str) -> str:
    """The endpoint of this side."""
    return f"{request.blueprint}.{name}"


def page(template: str, error: HanmaruError | None = None, **values: Any) -> Any:
    """In the frame of this side."""
    made = render_template(
        f"board/forum/{template}", frame=FRAMES[request.blueprint or ""], at=at, viewer=viewer(), notice=notice(),
        error=told(error), given=request.form if error else {}, State=text.State, limits=text, **values,
    )  # fmt: skip
    return refused(made, error)


def index() -> Any:
    with here().db.read() as session:
        found = shown.boards(session, viewer())
        waiting = moderation.waiting(session) if viewer().is_staff else 0
        return page("boards.html", found=found, access=boards.ACCESS, waiting=waiting)


def search() -> Any:
    """Posts and comments that hold every word, on one board or on all."""
    guarding().limits.take(LOOKING, str(me().id), utcnow())
    asked, board_id = request.args.get("q", "")[:100], number("board")
    with here().db.read() as session:
        found = finding.find(session, viewer(), asked, board_id=board_id, before=number("before"))
        lines = shown.lines(session, viewer(), [hit.post for hit in found])
        names = {one.board.id: one.board.name for one in shown.boards(session, viewer())}
        return page(
            "search.html", asked=asked, board_id=board_id, names=names, more=len(found) > PAGE,
            hits=list(zip(found, lines, strict=True))[:PAGE],
        )  # fmt: skip


def read_all() -> Any:
    with here().db.write() as session:
        reading.read_board(session, again(session))
    return back(at("index"))


def board(board_id: int) -> Any:
    with here().db.read() as session:
        found = scope.one(session, viewer(), Board, board_id)
        lines, more = shown.posts(session, viewer(), found, number("before"))
        follows = reading.boards_of(session, viewer().user_id).get(board_id)
        return page("board.html", board=found, lines=lines, more=more, follows=follows)


def read_board(board_id: int) -> Any:
    with here().db.write() as session:
        found = scope.one(session, again(session), Board, board_id)
        reading.read_board(session, again(session), found.id)
    return back(at("board"), board_id=board_id)


def follow_board(board_id: int, what: str) -> Any:
    with here().db.write() as session:
        found = scope.one(session, again(session), Board, board_id)
        reading.follow_board(session, me().id, found.id, FOLLOWS[what])
    return back(at("board"), board_id=board_id)


def people(board_id: int) -> Any:
    """Whom a writer may mean by the letters behind an @."""
    with here().db.read() as session:
        found = scope.one(session, viewer(), Board, board_id)
        guarding().limits.take(LOOKING, str(me().id), utcnow())
        offered = mention.offered(session, found, request.args.get("q", ""), viewer())
        return {"people": [{"name": one.name, "partner": one.partner, "said": one.said} for one in offered]}


def new(board_id: int) -> Any:
    if request.method == "GET":
        return _new(board_id)
    form, now = request.form, utcnow()
    key = form.get("key", "")
    try:
        with here().db.read() as session:
            scope.one(session, viewer(), Board, board_id).must_post(viewer())
            if (known := posts.by_key(session, me().id, key)) is not None:
                return back(at("one"), board_id=board_id, post_id=known.id)
        guarding().limits.take(POSTING, str(me().id), now)
        files = attachment.taken(here().store, request.files.getlist("file"))
        with here().db.write() as session:
            who = again(session)
            found = scope.one(session, who, Board, board_id)
            title, body = form.get("title", ""), form.get("text", "")
            made = doing.post(session, now, who, found, title, body, files, key=key)
    except NotFound:
        raise
    except HanmaruError as error:
        return _new(board_id, error)
    return to_post(made.id)


def _new(board_id: int, error: HanmaruError | None = None) -> Any:
    with here().db.read() as session:
        found = scope.one(session, viewer(), Board, board_id)
        if error is None:
            found.must_post(viewer())
        return page("new.html", error, board=found, key=_key())


def one(board_id: int, post_id: int) -> Any:
    """A post that was moved stands where it is now."""
    with here().db.read() as session:
        found = scope.one(session, viewer(), Post, post_id)
        if found.board_id != board_id:
            return redirect(url_for(at("one"), board_id=found.board_id, post_id=post_id), 303)
    return _one(post_id)


def _one(post_id: int, error: HanmaruError | None = None, about: str = "") -> Any:
    with here().db.read() as session:
        found = scope.one(session, viewer(), Post, post_id)
        thread = shown.thread(session, viewer(), found, number("before"))
        others = [line.board for line in shown.boards(session, viewer())] if viewer().is_staff else []
        made = page("post.html", error, thread=thread, board=thread.board, post=found, key=_key(), others=others,
                    about=about)  # fmt: skip
        seen, turn = thread.reader.turn if thread.reader else 0, found.turn
    if seen < turn and found.is_shown:
        with here().db.write() as session:
            reading.read(session, me().id, found, turn)
    return made


def comment(board_id: int, post_id: int) -> Any:  # noqa: ARG001 - the address is that of the post's page
    form, now = request.form, utcnow()
    key, official = form.get("key", ""), "official" in form
    try:
        with here().db.read() as session:
            scope.one(session, viewer(), Post, post_id)
            viewer().must_act()
            known = comments.by_key(session, me().id, key)
        if known is None:
            guarding().limits.take(COMMENTING, str(me().id), now)
            files = attachment.taken(here().store, request.files.getlist("file"))
            with here().db.write() as session:
                who = again(session)
                found = scope.one(session, who, Post, post_id)
                known = doing.comment(session, now, who, found, form.get("text", ""), files, key=key, official=official)
    except NotFound:
        raise
    except HanmaruError as error:
        return _one(post_id, error, "comment")
    return to_post(post_id, known.id)


def to_post(post_id: int, comment_id: int = 0, word: str = "") -> Any:
    """The page of a post, at a comment."""
    with here().db.read() as session:
        found = session.get_one(Post, post_id)
        anchor = f"c{comment_id}" if comment_id else None
        return back(at("one"), word, board_id=found.board_id, post_id=post_id, _anchor=anchor)


def follow(post_id: int, what: str) -> Any:
    with here().db.write() as session:
        found = scope.one(session, again(session), Post, post_id)
        reading.follow(session, me().id, found.id, FOLLOWS[what])
    return to_post(post_id)


def edit_post(post_id: int) -> Any:
    def change(session: Session, who: scope.Viewer) -> None:
        found, form = scope.one(session, who, Post, post_id), request.form
        version = number_in("version")
        posts.edit(session, utcnow(), who, found, form.get("title", ""), form.get("text", ""), version)

    return _edit(lambda session, who: scope.one(session, who, Post, post_id), change)


def edit_comment(comment_id: int) -> Any:
    def change(session: Session, who: scope.Viewer) -> None:
        found = scope.one(session, who, Comment, comment_id)
        comments.edit(session, utcnow(), who, found, request.form.get("text", ""), number_in("version"))

    return _edit(lambda session, who: scope.one(session, who, Comment, comment_id), change)


def _edit(
    find: Callable[[Session, scope.Viewer], Post | Comment], change: Callable[[Session, scope.Viewer], None]
) -> Any:
    """What was typed stays where somebody was quicker."""
    error = None
    with here().db.read() as session:
        entry = shown.entry(session, viewer(), find(session, viewer()))
    if request.method == "POST":
        try:
            guarding().limits.take(COMMENTING, str(me().id), utcnow())
            with here().db.write() as session:
                change(session, again(session))
        except NotFound:
            raise
        except HanmaruError as refusal:
            error = refusal
        else:
            return _back_to(entry.thing, "saved")
    with here().db.read() as session:
        entry = shown.entry(session, viewer(), find(session, viewer()))
        return page("edit.html", error, entry=entry, thing=entry.thing)


def act_on_post(post_id: int, what: str) -> Any:
    return _act("post", lambda session, who: scope.one(session, who, Post, post_id), what)


def act_on_comment(comment_id: int, what: str) -> Any:
    return _act("comment", lambda session, who: scope.one(session, who, Comment, comment_id), what)


def _act(about: str, find: Callable[[Session, scope.Viewer], Post | Comment], what: str) -> Any:
    """Take back what one wrote, or say that something should be looked at."""
    post_id, now = 0, utcnow()
    try:
        with here().db.write() as session:
            who = again(session)
            thing = find(session, who)
            post_id = thing.id if isinstance(thing, Post) else thing.post_id
            if what == "report":
                guarding().limits.take(REPORTING, str(me().id), now)
                report.report(session, now, who, about, thing.id, request.form.get("reason", ""))
            elif isinstance(thing, Post):
                posts.remove(session, who, thing)
            else:
                comments.remove(session, who, thing)
    except NotFound:
        raise
    except HanmaruError as error:
        return _one(post_id, error)  # none was found: that was a NotFound
    return _back_to(thing, "reported" if what == "report" else "")


def _back_to(thing: Post | Comment, word: str) -> Any:
    return to_post(thing.id, 0, word) if isinstance(thing, Post) else to_post(thing.post_id, thing.id, word)


def number_in(name: str) -> int:
    """A number of the form; 0 where there is none."""
    value = request.form.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else 0


def _key() -> str:
    return once.again(request.form.get("key", ""))
