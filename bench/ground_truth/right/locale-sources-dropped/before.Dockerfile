FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends locales \
 && rm -rf /var/lib/apt/lists/* \
 && localedef -i de_DE -f UTF-8 de_DE.UTF-8
WORKDIR /srv/members
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
