"""What a fleet really uses: sampled from the engine, folded to minutes, and what follows from it."""
