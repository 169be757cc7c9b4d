"""What a page of a run shows beside its circuit, gathered from what the run and other commands have kept."""
