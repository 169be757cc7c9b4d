"""How good a circuit is: faithfulness, completeness, minimality, chance, and known circuits."""
