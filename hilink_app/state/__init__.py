"""What screens remember: thin Reflex states and the rule that guards their events."""
