"""The temporal layer of AV1 packets, from the Dependency Descriptor header extension (AV1 RTP specification, A.8)."""

MAX_TEMPLATES = 64
SWITCH = 2


class _Bits:
    """Reads a bit field from the front; IndexError at its end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError("Dependency Descriptor")
        return (self._value >> self._left) & ((1 << count) - 1)


class Dependency:
    """Remembers an encoding's template structure, which only comes with keyframes."""

    def __init__(self) -> None:
        self._first = 0
        self._layers: list[int] = []
        self._targets = 0
        self._indications: list[list[int]] = []

    def read(self, value: bytes) -> tuple[bool, int, bool]:
        """(a frame starts here, temporal layer, one may switch up here) of a packet.

        What cannot be understood counts as the base layer: it is then forwarded to everybody.
        """
        if len(value) < 3:
            return True, 0, False
        bits = _Bits(value)
        start = bool(bits.take(1))
        bits.take(1)
        template = bits.take(6)
        bits.take(16)
        custom: list[int] | None = None
        try:
            if len(value) > 3:
                structure, active, has_indications = bits.take(1), bits.take(1), bits.take(1)
                bits.take(2)
                if structure:
                    self._read_structure(bits)
                if active:
                    bits.take(self._targets)
                if has_indications:
                    custom = [bits.take(2) for _ in range(self._targets)]
        except IndexError:
            return start, 0, False
        index = (template - self._first) % MAX_TEMPLATES
        if index >= len(self._layers):
            return start, 0, False
        return start, min(3, self._layers[index]), SWITCH in (custom or self._indications[index])

    def _read_structure(self, bits: _Bits) -> None:
        first, targets = bits.take(6), bits.take(5) + 1
        layers: list[int] = []
        temporal, spatial_layers = 0, 1
        while len(layers) < MAX_TEMPLATES:
            layers.append(temporal)
            # 0: the same layer again, 1: the next temporal one, 2: the next spatial one, 3: no more.
            following = bits.take(2)
            if following == 3:
                break
            spatial_layers += following == 2
            temporal = temporal + 1 if following == 1 else 0 if following == 2 else temporal
        indications = [[bits.take(2) for _ in range(targets)] for _ in layers]
        # Only now: a structure that is cut short must not replace a whole one. What follows in it (frame and
        # chain differences, resolutions) is of no use here, but stands before a frame's own indications.
        self._first, self._layers, self._targets, self._indications = first, layers, targets, indications
        _skip_rest(bits, len(layers), targets, spatial_layers)


def _skip_rest(bits: _Bits, templates: int, targets: int, spatial_layers: int) -> None:
    for _ in range(templates):
        while bits.take(1):
            bits.take(4)
    chains = _take_non_symmetric(bits, targets + 1)
    if chains:
        for _ in range(targets):
            _take_non_symmetric(bits, chains)
        bits.take(4 * templates * chains)
    if bits.take(1):
        bits.take(32 * spatial_layers)


def _take_non_symmetric(bits: _Bits, count: int) -> int:
    """ns(n) of the AV1 bitstream specification, 4.10.7."""
    width = count.bit_length()
    short = (1 << width) - count
    value = bits.take(width - 1)
    return value if value < short else (value << 1) - short + bits.take(1)
