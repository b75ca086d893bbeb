"""A small company for the API tests, made through the API itself.

seed.py URL people ADMIN_TOKEN      four people in one reporting line
seed.py URL records PARTNER_TOKEN   some records of every kind, owned by the seller
"""

import sys
import time

import requests

url, what, token = sys.argv[1:4]


def call(method, path, body=None):
    answer = requests.request(
        method, url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    if not answer.ok:
        sys.exit(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


for _ in range(100):
    try:
        if requests.get(url + "/health", timeout=2).ok:
            break
    except requests.ConnectionError:
        time.sleep(0.1)
else:
    sys.exit("the server does not answer")


def people():
    ids = {}
    for role, manager in [("partner", None), ("manager", "partner"), ("seller", "manager"), ("auditor", None)]:
        body = {
            "name": role.capitalize(),
            "email": f"{role}@trivet.example",
            "roles": role,
            "password": "long-enough-for-a-test",
        }
        if manager:
            body["manager"] = ids[manager]
        ids[role] = call("POST", "/api/people", body)["id"]


def records():
    everybody = call("GET", "/api/people?limit=200")["data"]
    seller = next(person["id"] for person in everybody if person["email"] == "seller@trivet.example")
    product = call("POST", "/api/products", {"name": "Analysis suite", "code": "AS-1", "list_price": "950.00"})["id"]
    for number in range(3):
        account = call(
            "POST",
            "/api/accounts",
            {"name": f"Harbour Instruments {number}", "owner": seller, "industry": "medical", "city": "上海"},
        )["id"]
        contact = call("POST", "/api/contacts", {"name": "林越", "account": account, "email": "lin@harbour.example"})["id"]
        deal = call(
            "POST",
            "/api/opportunities",
            {
                "name": "Forty seats",
                "account": account,
                "contact": contact,
                "owner": seller,
                "close_date": "2027-03-31",
                "amount": "12500.00",
            },
        )["id"]
        call("POST", f"/api/opportunities/{deal}/items", {"product": product, "quantity": "2.5", "discount": "10"})
        call("POST", "/api/leads", {"name": "王芳", "company": "云帆科技", "owner": seller, "source": "event"})
        call("POST", "/api/activities", {"kind": "call", "subject": "First call", "opportunity": deal, "owner": seller})
        call("POST", "/api/tasks", {"subject": "Send the proposal", "opportunity": deal, "due_date": "2027-01-15", "owner": seller})


{"people": people, "records": records}[what]()
