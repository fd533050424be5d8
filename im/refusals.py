"""Why a conversation says no. Not a member is told what nobody's is told: there is no such conversation."""

from core.refusals import Forbidden, Kind, NotFound, Refusal, Unavailable


class NoSuchConversation(NotFound):
    """There is none of that name, or the caller is not in it."""

    code = "im.no_such_conversation"


class NoSuchColleague(NotFound):
    """Nobody of that number works here as a nurse or doctor."""

    code = "im.no_such_colleague"


class NoSuchDepartment(NotFound):
    """The hospital lists no department of that code."""

    code = "im.no_such_department"


class NotYourDepartment(Forbidden):
    """Its news are told by whoever works at one of its lines."""

    code = "im.not_your_department"


class MayNotInvite(Forbidden):
    """Not the caller's to decide who comes into this conversation."""

    code = "im.may_not_invite"


class MayNotLeave(Refusal):
    """A consultation is between its patient and its doctor, a direct conversation between two."""

    code = "im.may_not_leave"
    kind = Kind.CONFLICT


class CodeIsNoGood(NotFound):
    """The invitation is over, was used, or never was."""

    code = "im.code_is_no_good"


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


class FileNotReady(Refusal):
    """A file of the message is not there, not the sender's, not of this conversation, or used already."""

    code = "im.file_not_ready"
    kind = Kind.CONFLICT


class FileTooLarge(Refusal):
    """More bytes than a file of this sort may have, or than were announced."""

    code = "im.file_too_large"
    kind = Kind.TOO_LARGE

    def __init__(self, *, most: int) -> None:
        super().__init__(most=most)


class FileNotTaken(Refusal):
    """Its bytes are none of the kinds that a conversation carries; ``takes`` says which are."""

    code = "im.file_not_taken"
    kind = Kind.BAD_INPUT

    def __init__(self, *, takes: list[str]) -> None:
        super().__init__(takes=list(takes))


class FileDamaged(Refusal):
    """It begins like one of the kinds that are carried, and cannot be read as one."""

    code = "im.file_damaged"
    kind = Kind.BAD_INPUT


class VoiceTooLong(Refusal):
    """A recording longer than a minute."""

    code = "im.voice_too_long"
    kind = Kind.BAD_INPUT

    def __init__(self, *, seconds: int) -> None:
        super().__init__(seconds=seconds)


class NoSuchUpload(NotFound):
    """Nothing is awaited here: never was, not from the caller, came already, or the time is over."""

    code = "im.no_such_upload"


class TooManyUploads(Refusal):
    """The caller began more uploads than may be open at once."""

    code = "im.too_many_uploads"
    kind = Kind.TOO_MANY


class NoSuchFile(NotFound):
    """The link is over, or what it led to is no longer there."""

    code = "im.no_such_file"


class RangeNotThere(Refusal):
    """The part of a file that is asked for begins behind its end."""

    code = "im.range_not_there"
    kind = Kind.RANGE

    def __init__(self, *, size: int) -> None:
        super().__init__(size=size)


class FilesAway(Unavailable):
    """Where files are kept does not answer; nothing was done."""

    code = "im.files_away"


class WordsNotAllowed(Refusal):
    """The text holds what the hospital does not carry; the message was not sent."""

    code = "im.words_not_allowed"
    kind = Kind.BAD_INPUT
