"""Boosted trees as flat lists, walked in plain Python: a trained model runs without the library that trained it."""

from typing import Literal, Self

from pydantic import BaseModel, model_validator

from services.ai_engine.inputs import INPUT_NAMES
from services.ai_engine.member import FROZEN, probability

LEAF = -1


class Trees(BaseModel):
    """A forest. Node by node: which input it asks (LEAF for none), up to which value one goes left, where left and
    right are, and the value that is expected there; children come after their parents.

    The sum of the leaves is a return in its own sigmas, and `steepness` times it the logit of a rise.
    """

    model_config = FROZEN

    kind: Literal["trees"] = "trees"
    steepness: float
    roots: tuple[int, ...]
    inputs: tuple[int, ...]
    thresholds: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    values: tuple[float, ...]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        count = len(self.inputs)
        if not all(len(column) == count for column in (self.thresholds, self.left, self.right, self.values)):
            raise ValueError("the trees' columns differ in length")
        if not all(0 <= root < count for root in self.roots):
            raise ValueError("a tree begins at a node that is not there")
        for node, place in enumerate(self.inputs):
            if place == LEAF:
                continue
            if not 0 <= place < len(INPUT_NAMES):
                raise ValueError(f"node {node} asks for input {place}, there are {len(INPUT_NAMES)}")
            if not (node < self.left[node] < count and node < self.right[node] < count):
                raise ValueError(f"node {node} leads nowhere or back")
        return self

    def score(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the sum of the leaves they fall into."""
        asks, thresholds, left, right, values = self.inputs, self.thresholds, self.left, self.right, self.values
        total = 0.0
        for root in self.roots:
            node = root
            while (place := asks[node]) != LEAF:
                node = left[node] if inputs[place] <= thresholds[node] else right[node]
            total += values[node]
        return total

    def logit(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the logit of a rise."""
        return self.steepness * self.score(inputs)

    def predict_proba(self, inputs: tuple[float, ...]) -> float:
        """Given the inputs, return the probability of a rise."""
        return probability(self.logit(inputs))

    def explain(self, inputs: tuple[float, ...]) -> tuple[float, list[float]]:
        """Given the inputs, return the logit and each input's part in it: what its splits on the way changed.

        The parts and the trees' starting values sum up to the logit.
        """
        asks, thresholds, left, right, values = self.inputs, self.thresholds, self.left, self.right, self.values
        parts = [0.0] * len(INPUT_NAMES)
        total = 0.0
        for root in self.roots:
            node, value = root, values[root]
            while (place := asks[node]) != LEAF:
                node = left[node] if inputs[place] <= thresholds[node] else right[node]
                after = values[node]
                parts[place] += after - value
                value = after
            total += value
        return self.steepness * total, [self.steepness * part for part in parts]
