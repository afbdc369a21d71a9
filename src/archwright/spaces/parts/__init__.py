"""The parts of a composed space: `archwright.spaces.compose` brings them together."""
