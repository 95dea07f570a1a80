"""Names of the weaknesses of MITRE's list that rules and probes refer to."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["cwe_name", "cwe_url", "is_named"]

_NAMES = MappingProxyType(
    {
        20: "Improper Input Validation",
        22: "Path Traversal",
        73: "External Control of File Name or Path",
        74: "Injection",
        77: "Command Injection",
        78: "OS Command Injection",
        79: "Cross-site Scripting",
        89: "SQL Injection",
        94: "Code Injection",
        95: "Eval Injection",
        116: "Improper Encoding or Escaping of Output",
        117: "Improper Output Neutralization for Logs",
        183: "Permissive List of Allowed Inputs",
        185: "Incorrect Regular Expression",
        200: "Exposure of Sensitive Information to an Unauthorized Actor",
        208: "Observable Timing Discrepancy",
        209: "Generation of Error Message Containing Sensitive Information",
        252: "Unchecked Return Value",
        253: "Incorrect Check of Function Return Value",
        259: "Use of Hard-coded Password",
        284: "Improper Access Control",
        285: "Improper Authorization",
        287: "Improper Authentication",
        288: "Authentication Bypass Using an Alternate Path or Channel",
        290: "Authentication Bypass by Spoofing",
        294: "Authentication Bypass by Capture-replay",
        302: "Authentication Bypass by Assumed-Immutable Data",
        305: "Authentication Bypass by Primary Weakness",
        306: "Missing Authentication for Critical Function",
        307: "Improper Restriction of Excessive Authentication Attempts",
        311: "Missing Encryption of Sensitive Data",
        319: "Cleartext Transmission of Sensitive Information",
        321: "Use of Hard-coded Cryptographic Key",
        326: "Inadequate Encryption Strength",
        327: "Use of a Broken or Risky Cryptographic Algorithm",
        328: "Use of Weak Hash",
        330: "Use of Insufficiently Random Values",
        338: "Use of Cryptographically Weak Pseudo-Random Number Generator",
        345: "Insufficient Verification of Data Authenticity",
        346: "Origin Validation Error",
        347: "Improper Verification of Cryptographic Signature",
        352: "Cross-Site Request Forgery",
        362: "Race Condition",
        367: "Time-of-check Time-of-use Race Condition",
        384: "Session Fixation",
        390: "Detection of Error Condition Without Action",
        400: "Uncontrolled Resource Consumption",
        407: "Inefficient Algorithmic Complexity",
        409: "Improper Handling of Highly Compressed Data",
        425: "Direct Request",
        459: "Incomplete Cleanup",
        470: "Unsafe Reflection",
        488: "Exposure of Data Element to Wrong Session",
        489: "Active Debug Code",
        502: "Deserialization of Untrusted Data",
        521: "Weak Password Requirements",
        522: "Insufficiently Protected Credentials",
        532: "Insertion of Sensitive Information into Log File",
        565: "Reliance on Cookies without Validation and Integrity Checking",
        598: "Use of GET Request Method With Sensitive Query Strings",
        602: "Client-Side Enforcement of Server-Side Security",
        603: "Use of Client-Side Authentication",
        613: "Insufficient Session Expiration",
        614: "Sensitive Cookie in HTTPS Session Without 'Secure' Attribute",
        625: "Permissive Regular Expression",
        636: "Not Failing Securely",
        639: "Authorization Bypass Through User-Controlled Key",
        670: "Always-Incorrect Control Flow Implementation",
        693: "Protection Mechanism Failure",
        696: "Incorrect Behavior Order",
        703: "Improper Check or Handling of Exceptional Conditions",
        755: "Improper Handling of Exceptional Conditions",
        770: "Allocation of Resources Without Limits or Throttling",
        772: "Missing Release of Resource after Effective Lifetime",
        778: "Insufficient Logging",
        784: "Reliance on Cookies without Validation and Integrity Checking in a Security Decision",
        798: "Use of Hard-coded Credentials",
        807: "Reliance on Untrusted Inputs in a Security Decision",
        833: "Deadlock",
        841: "Improper Enforcement of Behavioral Workflow",
        862: "Missing Authorization",
        863: "Incorrect Authorization",
        912: "Hidden Functionality",
        915: "Improperly Controlled Modification of Object Attributes",
        916: "Use of Password Hash With Insufficient Computational Effort",
        918: "Server-Side Request Forgery",
        940: "Improper Verification of Source of a Communication Channel",
        942: "Permissive Cross-domain Policy with Untrusted Domains",
        1004: "Sensitive Cookie Without 'HttpOnly' Flag",
        1188: "Initialization of a Resource with an Insecure Default",
        1236: "Improper Neutralization of Formula Elements in a CSV File",
        1275: "Sensitive Cookie with Improper SameSite Attribute",
        1333: "Inefficient Regular Expression Complexity",
        1336: "Template Engine Injection",
        1385: "Missing Origin Validation in WebSockets",
        1394: "Use of Default Cryptographic Key",
    }
)


def cwe_name(number: int) -> str:
    """Return the name of a weakness, or its number if the name is not listed in this module."""
    return _NAMES.get(number, f"CWE-{number}")


def is_named(number: int) -> bool:
    """Return whether the name of a weakness is listed in this module."""
    return number in _NAMES


def cwe_url(number: int) -> str:
    """Return MITRE's page about a weakness."""
    return f"https://cwe.mitre.org/data/definitions/{number}.html"
