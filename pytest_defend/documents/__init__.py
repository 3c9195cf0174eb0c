"""Pure: records and decisions as standard documents."""
