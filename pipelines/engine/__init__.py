"""Jobs, whatever they compute: stages, the store, and where jobs run. It knows no command."""
