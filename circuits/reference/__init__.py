"""The bundled models: weights that the project trained itself, and how. `circuits.model.sources` lists them."""
