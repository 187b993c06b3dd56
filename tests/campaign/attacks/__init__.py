"""The campaign's parts, each a module; `harness.worker.PARTS` lists them."""
