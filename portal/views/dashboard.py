"""The dashboard: a person's projects, each with what is going on in it."""

from django.http import HttpRequest, HttpResponse

from projects.doors.pages import PersonalView


class Dashboard(PersonalView):
    """One card a project; each card fetches its own figures through that project's door."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page(request, "portal/dashboard.html", {"person": self.user})
