"""Results of actions as text, JSON or a page; decides nothing."""
