"""What travels on the line between a caller and AgentCore: bytes in, values out.

No I/O, no async, no clock, no environment. The client (``runtime``) and the local AgentCore (``local``) both
speak through these modules; boto3 and botocore's service model judge them in the tests.
"""
