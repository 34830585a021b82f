"""AgentCoreRuntimeClient: the method names of the published SDK, blocking and async."""
