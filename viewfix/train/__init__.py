"""The lab: making models, with PyTorch. Nothing in the core imports it. Needs viewfix[train]."""
