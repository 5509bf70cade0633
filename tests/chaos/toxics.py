"""What a link of the fault proxy can be told to do to the bytes that pass through it."""

from pydantic import BaseModel, ConfigDict, Field


class Toxics(BaseModel):
    """How one link behaves; the default lets everything through. Both directions alike, but for `lost`.

    `lost` throws the answers away while the requests arrive; such a connection is of no use after, so calming the link
    resets it. `cut_after` resets a connection once so many bytes of an answer have passed: in the middle of a message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delay_ms: int = Field(0, ge=0, description="added to every piece, each way")
    jitter_ms: int = Field(0, ge=0, description="more delay, drawn anew for every piece")
    stall: bool = Field(default=False, description="nothing passes until the link is calmed, then everything does")
    lost: bool = Field(default=False, description="requests arrive, answers do not")
    cut_after: int = Field(0, ge=0, description="bytes of answers after which a connection is reset; 0 is never")
    refuse: bool = Field(default=False, description="new connections are reset at once")


CALM = Toxics()


class Order(BaseModel):
    """One line on the proxy's control socket: how a link is to behave, and whether its connections are reset now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: str
    toxics: Toxics
    reset: bool = False
