"""Training of models, with PyTorch. The core never imports this package. Needs viewfix[train]."""
