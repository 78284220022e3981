"""Which question gets which answer."""

from improtocol import frames
from improtocol import queries as q
from imsdk.testing import questions
from imsdk.testing.files import Files
from imsdk.testing.host import Host


def answer(host: Host, files: Files, user: str, query: frames.Query) -> bytes:
    """The packed reply to a query.

    Raises:
        Refused: it is not for this user.
        ValueError: an argument breaks a rule.
    """
    world = host.world
    match q.question_from(query.op, query.arguments):
        case q.History() as question:
            return questions.history(world, user, question).to_payload()
        case q.Conversations() as question:
            return questions.conversations(world, user, question).to_payload()
        case q.Members() as question:
            return questions.members(world, user, question).to_payload()
        case q.Conversation() as question:
            info = questions.info(questions.find(world, user, question.conversation), user)
            return questions.pack_info(info)
        case q.Upload() as question:
            return files.slot(user, question).to_payload()
        case q.Link() as question:
            return files.link(user, question).to_payload()
        case q.Presence() as question:
            there = {peer.device.user for peer in host.peers if peer.device}
            known = [name for name in question.users if questions.acquainted(world, user, name)]
            return q.PresenceList(users=tuple((name, name in there, 0) for name in known)).to_payload()
