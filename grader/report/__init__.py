"""The gradebook as frames, and the frames as files."""
