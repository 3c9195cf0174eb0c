"""Use-cases: one public function per module, named like the command."""
