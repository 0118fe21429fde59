"""The world in a box for the demo and the tests: a strict Stream server, workspaces, ChatSDK's tables."""
