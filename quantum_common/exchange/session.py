"""One account's line to the exchange: every request passes its rate budget, and every failure gets its meaning here.

Nothing is sent before the exchange's clock was read, its limits are known and, where there are keys, the account was
found to be in one-way mode by keys that cannot withdraw. The exchange being away at the start is no error: calls answer
that it is unavailable.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp

from quantum_common.exchange.answers import (
    KEY_REFUSED,
    ApiError,
    MalformedAnswer,
    outcome_of,
    outcome_of_transport,
)
from quantum_common.exchange.budget import Budget, Cost, Counter, Lane
from quantum_common.exchange.client import FuturesClient
from quantum_common.exchange.outcome import NotSent, Refused, Unknown
from quantum_common.exchange.port import ConfigurationRefused, ExchangeUnavailable, SymbolRules
from quantum_common.exchange.rows import field, limits_of, rules_of, whole
from quantum_common.exchange.server_clock import ServerClock

READ_RETRY_MS = 500
RULES_REFRESH_MS = 600_000
RULES_AGE_MS_MAX = 3_600_000
ONE = Cost(weight=1)
ACCOUNT_CONFIG = Cost(weight=5)
KEY_RIGHTS = Cost(weight=0)  # asked of another host, which counts for itself

T = TypeVar("T")
Failure = Refused | NotSent | Unknown


class Session:
    """The client, its clock and its budget, and the two ways to use them: `attempt` a command, `read` data."""

    def __init__(
        self,
        client: FuturesClient,
        server_clock: ServerClock,
        budget: Budget,
        *,
        keyed: bool,
        rights_known: bool = True,
    ) -> None:
        """Given a client, its clock and its budget, whether it has keys, and whether this exchange tells what they may
        do, make the line. Sends nothing."""
        self.client = client
        self.server_clock = server_clock
        self.budget = budget
        self._keyed = keyed
        self.heard_ms = 0  # when the exchange last answered, whatever it said, by our own clock
        self._rights_known = rights_known
        self._ready = False
        self._lock = asyncio.Lock()
        self._rules: Mapping[str, SymbolRules] = {}
        self._rules_ms = 0

    async def attempt(self, lane: Lane, cost: Cost, call: Callable[[], Awaitable[T]]) -> T | Failure:
        """Given a command, send it once and return its answer or what its failure proves.

        Raise ConfigurationRefused where the account was found unusable before anything was sent.
        """
        if not self._ready:
            try:
                await self._prepare()
            except ExchangeUnavailable as unavailable:
                return NotSent(unavailable.cause, unavailable.retry_after_ms)
        wait_ms = self.budget.reserve(lane, cost, self.server_clock.now_ms())
        if wait_ms:
            return NotSent("the rate budget is used up", wait_ms, rate_limited=True)
        try:
            return await self._answer(call)
        except ApiError as error:
            return self._accounted(outcome_of(error), lane, cost)
        except MalformedAnswer as malformed:
            return Unknown(f"malformed answer: {malformed}")
        except (aiohttp.ClientError, OSError) as error:
            return self._accounted(outcome_of_transport(error), lane, cost)

    async def _answer(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, and note when the exchange answered it, be it with a refusal of its own."""
        try:
            answer = await call()
        except ApiError as error:
            if error.code is not None:
                self.heard_ms = self.server_clock.clock.now_ms()
            raise
        self.heard_ms = self.server_clock.clock.now_ms()
        return answer

    def _accounted(self, outcome: Failure, lane: Lane, cost: Cost) -> Failure:
        """Given a failure, return it with the wait that the budget makes of a rate limit; give back what a request cost
        that never arrived."""
        if not isinstance(outcome, NotSent):
            return outcome
        now_ms = self.server_clock.now_ms()
        if not outcome.rate_limited:
            self.budget.give_back(cost, now_ms)
            return outcome
        wait_ms = self.budget.state.wait_ms(lane, cost, now_ms)
        return NotSent(outcome.cause, max(wait_ms, outcome.retry_after_ms), rate_limited=True)

    async def read(self, lane: Lane, cost: Cost, call: Callable[[], Awaitable[T]]) -> T:
        """Given a read, send it and return its data.

        Raise ExchangeUnavailable where there is no answer or not the promised one, ConfigurationRefused where the
        exchange refuses the account or the key.
        """
        if not self._ready:
            await self._prepare()
        return await self._read(lane, cost, call)

    async def _read(self, lane: Lane, cost: Cost, call: Callable[[], Awaitable[T]]) -> T:
        wait_ms = self.budget.reserve(lane, cost, self.server_clock.now_ms())
        if wait_ms:
            raise ExchangeUnavailable("the rate budget is used up", wait_ms)
        try:
            return await self._answer(call)
        except ApiError as error:
            require_accepted_key(error.code, error.text)
            raise _unavailable(self._accounted(outcome_of(error), lane, cost)) from error
        except MalformedAnswer as malformed:
            raise ExchangeUnavailable(f"malformed answer: {malformed}", READ_RETRY_MS) from malformed
        except (aiohttp.ClientError, OSError) as error:
            raise _unavailable(self._accounted(outcome_of_transport(error), lane, cost)) from error

    async def rules(self) -> Mapping[str, SymbolRules]:
        """Return every symbol's filters, read anew now and then. Where that fails, those of the last hour stand."""
        if not self._ready:
            await self._prepare()
        age_ms = self.server_clock.now_ms() - self._rules_ms
        if age_ms > RULES_REFRESH_MS:
            try:
                await self._refresh_rules()
            except ExchangeUnavailable:
                if age_ms > RULES_AGE_MS_MAX:
                    raise
        return self._rules

    async def server_time_ms(self) -> int:
        """Return the exchange's clock as last measured; asking would stand on the way of every order.

        Once measured it is never unavailable again: while the exchange is away, our own clock carries it on.
        """
        if not self._ready:
            await self._prepare()
        return self.server_clock.now_ms()

    async def ask_time_ms(self) -> int:
        """Ask the exchange for its time. Raise as `read` does."""
        return await self._read(Lane.RESOLVE, ONE, self._time)

    async def _time(self) -> int:
        return whole(await self.client.futures_time(), "serverTime")

    async def _prepare(self) -> None:
        """Read the clock, the limits and the account's mode, once. Raise as `read` does."""
        async with self._lock:
            if self._ready:
                return
            await self.server_clock.compare(self.ask_time_ms)
            await self._refresh_rules()
            if self._keyed:
                require_one_way(*await self._read(Lane.RESOLVE, ACCOUNT_CONFIG, self._account_config))
                if self._rights_known:
                    require_no_withdrawals(await self._read(Lane.RESOLVE, KEY_RIGHTS, self._may_withdraw))
            self._ready = True

    async def _account_config(self) -> tuple[Any, Any]:
        config = await self.client.futures_account_config()
        return field(config, "dualSidePosition"), field(config, "canTrade")

    async def _may_withdraw(self) -> Any:
        return field(await self.client.get_account_api_permissions(), "enableWithdrawals")

    async def _refresh_rules(self) -> None:
        limits, self._rules = await self._read(Lane.SNAPSHOT, ONE, self._exchange_info)
        self.budget.limit(limits)
        self._rules_ms = self.server_clock.now_ms()

    async def _exchange_info(self) -> tuple[tuple[Counter, ...], dict[str, SymbolRules]]:
        info = await self.client.futures_exchange_info()
        return limits_of(info), rules_of(info)


def _unavailable(failure: Failure) -> ExchangeUnavailable:
    """Given why a read failed, return it as the reader is told: what it may do is to try again later."""
    match failure:
        case NotSent(cause, retry_after_ms):
            return ExchangeUnavailable(cause, max(READ_RETRY_MS, retry_after_ms))
        case Refused(code, said):
            return ExchangeUnavailable(f"code {code}: {said}", READ_RETRY_MS)
        case unknown:
            return ExchangeUnavailable(unknown.cause, READ_RETRY_MS)


def require_accepted_key(code: int | None, text: str) -> None:
    """Given an error's code and text, raise ConfigurationRefused where the exchange does not accept our keys."""
    if code in KEY_REFUSED:
        raise ConfigurationRefused(f"the exchange does not accept the API key: code {code}: {text}")


def require_one_way(dual_side: object, can_trade: object) -> None:
    """Given the account's configuration, raise ConfigurationRefused unless it is in one-way mode and may trade."""
    if dual_side is not False:
        raise ConfigurationRefused("the account is in hedge mode; set its position mode to one-way")
    if can_trade is not True:
        raise ConfigurationRefused("the account may not trade; check its state and the key's permissions")


def require_no_withdrawals(may_withdraw: object) -> None:
    """Given what the exchange says of our key, raise ConfigurationRefused unless it surely cannot withdraw."""
    if may_withdraw is not False:
        raise ConfigurationRefused(
            "the API key may withdraw; make one that may read and trade futures and nothing else, and delete this one"
        )
