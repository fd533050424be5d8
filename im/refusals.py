"""Why a conversation says no. Not a member is told what nobody's is told: there is no such conversation."""

from core.refusals import Forbidden, Kind, NotFound, Refusal


class NoSuchConversation(NotFound):
    """There is none of that name, or the caller is not in it."""

    code = "im.no_such_conversation"


class NoSuchMessage(NotFound):
    """The conversation has no such message."""

    code = "im.no_such_message"


class ConversationIsClosed(Refusal):
    """Nothing is said in it any more; it can be read."""

    code = "im.conversation_closed"
    kind = Kind.CONFLICT

    def __init__(self, *, state: str) -> None:
        super().__init__(state=state)


class WindowIsOver(Refusal):
    """The consultation's time has run out."""

    code = "im.window_over"
    kind = Kind.CONFLICT


class NoTurnsLeft(Refusal):
    """The patient has asked as many questions as the consultation has."""

    code = "im.no_turns_left"
    kind = Kind.CONFLICT


class MayNotSpeak(Forbidden):
    """The caller reads here and does not write: an audience, or a doctor without a confirmed name."""

    code = "im.may_not_speak"

    def __init__(self, *, why: str) -> None:
        super().__init__(why=why)


class NotYourMessage(Forbidden):
    """Only who said it takes it back."""

    code = "im.not_your_message"


class TooLateToRecall(Refusal):
    """The time in which a message can be taken back is over."""

    code = "im.too_late_to_recall"
    kind = Kind.CONFLICT

    def __init__(self, *, seconds: int) -> None:
        super().__init__(seconds=seconds)


class CannotBeRecalled(Refusal):
    """What it is cannot be taken back: a card, what the platform said, a message taken back already."""

    code = "im.cannot_be_recalled"
    kind = Kind.CONFLICT


class CidUsedOtherwise(Refusal):
    """The same ``cid`` came with another message before."""

    code = "im.cid_used_otherwise"
    kind = Kind.CONFLICT


class WordsNotAllowed(Refusal):
    """The text holds what the hospital does not carry; the message was not sent."""

    code = "im.words_not_allowed"
    kind = Kind.BAD_INPUT
