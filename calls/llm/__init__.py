"""The LLM proxy: Vapi's "custom LLM" in front of any OpenAI-compatible model, one clean stream per call."""
